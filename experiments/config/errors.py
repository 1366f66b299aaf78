# SPDX-License-Identifier: Apache-2.0
"""What the bench says to bad input: one line, exit status 2."""

import difflib
from collections.abc import Iterable


class Refusal(Exception):
    """Bad input. The message says what, where, and what to do, on one line."""


def nearest(word: str, words: Iterable[str]) -> str:
    """The word that a typo most likely meant."""
    return difflib.get_close_matches(word, list(words), n=1, cutoff=0.0)[0]


def check_known(kind: str, word: str, words: Iterable[str]) -> None:
    """Refuse a name that is not among the legal ones.

    Raises:
      Refusal: with the nearest legal name, and all of them.
    """
    words = sorted(words)
    if word not in words:
        raise Refusal(
            f"unknown {kind} {word!r}: did you mean {nearest(word, words)!r}? "
            f"(known: {', '.join(words)})"
        )


def check_at_least(minimum: int, **values: float) -> None:
    """Refuse numbers that are too small.

    Raises:
      ValueError: names the first one that is below the minimum.
    """
    for name, value in values.items():
        if value < minimum:
            raise ValueError(f"{name} must be at least {minimum}, got {value}")
