# SPDX-License-Identifier: Apache-2.0
"""A grammar of sentences whose last word agrees with a cue far before it.

A sentence is four words, the cue, fillers, two words that announce the last one, and the
last word, which agrees with the cue. All words but the last depend on the kind of sentence,
the place and the word before.
"""

from typing import NamedTuple

import numpy as np


SINGULAR = ("key", "door", "cabinet", "dog")
PLURAL = ("keys", "doors", "cabinets", "dogs")
WOMEN = ("mary", "anna", "lucy")
MEN = ("peter", "john", "david")
COUNTRIES = {
    "france": "french",
    "spain": "spanish",
    "italy": "italian",
    "poland": "polish",
    "turkey": "turkish",
    "vietnam": "vietnamese",
}
"""Country -> its language."""


Place = dict[str, tuple[str, ...]]
"""The word before, or `ANY` -> the words that may follow it, equally likely."""
ANY = ""


class Kind(NamedTuple):
    """A kind of agreement.

    Attributes:
      opening: the words before the cue; no other kind has the same first word.
      agrees: cue -> the last word of the sentence.
      asking: the words before the last one.
    """

    opening: tuple[str, ...]
    agrees: dict[str, str]
    asking: tuple[str, ...]


KINDS = {
    "language": Kind(("someone", "who", "left", "old"), COUNTRIES, ("speaks", "fluent")),
    "number": Kind(
        ("we", "heard", "that", "the"),
        dict.fromkeys(SINGULAR, "is") | dict.fromkeys(PLURAL, "are"),
        ("most", "certainly"),
    ),
    "gender": Kind(
        ("yesterday", "our", "friend", "dear"),
        dict.fromkeys(WOMEN, "her") | dict.fromkeys(MEN, "his"),
        ("suddenly", "lost"),
    ),
}
"""Name -> kind; all are equally likely."""

ADVERBS = ("often", "still", "really")
PREPOSITIONS = ("near", "beside", "behind", "without")
DISTRACTORS: Place = {"the": SINGULAR + PLURAL, "old": (*COUNTRIES,), "dear": WOMEN + MEN}
"""Determiner -> nouns that are cues in other places."""
NEUTRAL: Place = {"some": ("rain", "music", "bread", "smoke"), "this": ("city", "garden")}
"""Determiner -> nouns that are never cues."""


class Grammar(NamedTuple):
    """The grammar as arrays, for K kinds, S + 1 words in a sentence and V words in all.

    Attributes:
      words: the V words.
      first: `[K]`, the first word of each kind.
      follows: `[S - 1, K, V, V]`, probability of each word at place s + 1 after each at s.
      agrees: `[V]`, cue -> the word that agrees with it; 0 for other words.
      last: `[K]`, kind -> the word before the last.
    """

    words: tuple[str, ...]
    first: np.ndarray
    follows: np.ndarray
    agrees: np.ndarray
    last: np.ndarray


CUE = 4
"""Place of the cue in a sentence."""


def make_grammar(distance: int, distracted: bool) -> Grammar:
    """The grammar of sentences with a cue at `distance` from the word that agrees with it."""
    rows = [_places(kind, distance, distracted) for kind in KINDS.values()]
    words = tuple(sorted(_words(rows)))
    follows = np.zeros((CUE + distance, len(KINDS), len(words), len(words)))
    for k, row in enumerate(rows):
        for s, place in enumerate(row):
            for before, after in place.items():
                given = slice(None) if before == ANY else words.index(before)
                follows[s, k, given, [words.index(word) for word in after]] = 1 / len(after)
    agrees = np.zeros(len(words), np.int32)
    for kind in KINDS.values():
        for cue, word in kind.agrees.items():
            agrees[words.index(cue)] = words.index(word)
    return Grammar(
        words=words,
        first=np.array([words.index(kind.opening[0]) for kind in KINDS.values()]),
        follows=follows,
        agrees=agrees,
        last=np.array([words.index(kind.asking[-1]) for kind in KINDS.values()]),
    )


def _places(kind: Kind, distance: int, distracted: bool) -> list[Place]:
    """The places of a sentence after the first word and before the last."""
    nouns = DISTRACTORS if distracted else NEUTRAL
    phrase: list[Place] = [{ANY: PREPOSITIONS}, {ANY: tuple(nouns)}, nouns]
    phrases, adverbs = divmod(distance - len(kind.asking), len(phrase))
    cue: Place = {ANY: tuple(kind.agrees)}
    adverb: Place = {ANY: ADVERBS}
    opening: list[Place] = [{ANY: (word,)} for word in kind.opening[1:]]
    asking: list[Place] = [{ANY: (word,)} for word in kind.asking]
    return [*opening, cue, *[adverb] * adverbs, *phrase * phrases, *asking]


def _words(rows: list[list[Place]]) -> set[str]:
    """All words of the grammar."""
    places = (place for row in rows for place in row)
    used = {word for place in places for after in place.values() for word in after}
    used |= {kind.opening[0] for kind in KINDS.values()}
    return used | {word for kind in KINDS.values() for word in kind.agrees.values()}
