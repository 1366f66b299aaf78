# SPDX-License-Identifier: Apache-2.0
"""Errors that a user can cause: one line on the terminal, exit status 2."""

import difflib
from collections.abc import Iterable


class UsageError(Exception):
    """Bad input. The message says what, where, and what to do, on one line."""


def nearest(word: str, words: Iterable[str]) -> str:
    """The legal name that resembles a typo most."""
    return difflib.get_close_matches(word, list(words), n=1, cutoff=0.0)[0]


def check_known(kind: str, word: str, words: Iterable[str]) -> None:
    """Check that a name is legal.

    Raises:
      UsageError: it is not; gives the nearest legal name, and all of them.
    """
    words = sorted(words)
    if word not in words:
        raise UsageError(
            f"unknown {kind} {word!r}: did you mean {nearest(word, words)!r}? "
            f"(known: {', '.join(words)})"
        )


def check_at_least(minimum: int, **values: float) -> None:
    """Check that numbers are large enough.

    Raises:
      ValueError: names the first number below the minimum.
    """
    for name, value in values.items():
        if value < minimum:
            raise ValueError(f"{name} must be at least {minimum}, got {value}")
