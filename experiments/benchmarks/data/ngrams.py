# SPDX-License-Identifier: Apache-2.0
"""The loss of n-gram predictors, to compare a language model with.

    p(x_t | context) = (count(context, x_t) + k) / (count(context) + k V)

over V symbols, counted on the training part, with k = 0 for unigrams (1 where the held-out
part has a symbol that was never counted), 0.1 for bigrams, 0.02 for trigrams.
"""

import math

import numpy as np


SMOOTHING = {"unigram": 0.0, "bigram": 0.1, "trigram": 0.02}
"""Name -> k, in the order of n = 1, 2, 3."""


def baselines(train: np.ndarray, held_out: np.ndarray, symbols: int) -> dict[str, float]:
    """Mean loss on held-out text, nats a symbol.

    Args:
      train: `[N]` ids of the training part.
      held_out: `[M]` ids; an n-gram predicts from their symbol n on.
      symbols: V.

    Returns:
      predictor -> nats: `uniform`, `unigram`, `bigram`, `trigram`.
    """
    found = {"uniform": math.log(symbols)}
    for order, (name, k) in enumerate(SMOOTHING.items(), start=1):
        found[name] = ngram_loss(train, held_out, symbols, order, k)
    return found


def ngram_loss(
    train: np.ndarray, held_out: np.ndarray, symbols: int, order: int, k: float
) -> float:
    """Mean loss of the predictor that sees the last `order` - 1 symbols, nats."""
    unseen = set(np.unique(held_out)) - set(np.unique(train))
    if order == 1 and unseen:
        k = 1.0
    seen = _codes(train, symbols, order)
    asked = _codes(held_out, symbols, order)
    joint = _counts(seen, asked)
    before = _counts(seen // symbols, asked // symbols) if order > 1 else len(train)
    return float(-np.log((joint + k) / (before + k * symbols)).mean())


def _codes(ids: np.ndarray, symbols: int, order: int) -> np.ndarray:
    """Each run of `order` symbols as one number, whose lowest digit is the last symbol."""
    length = len(ids) - order + 1
    code = np.zeros(length, np.int64)
    for place in range(order):
        code = code * symbols + ids[place : place + length]
    return code


def _counts(seen: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """How often each number of `asked` is in `seen`."""
    values, counts = np.unique(seen, return_counts=True)
    place = np.minimum(np.searchsorted(values, asked), len(values) - 1)
    return np.where(values[place] == asked, counts[place], 0)


def bigram_accuracy(train: np.ndarray, held_out: np.ndarray, symbols: int) -> float:
    """Accuracy on held-out text of the most frequent successor of each symbol."""
    values, counts = np.unique(_codes(train, symbols, 2), return_counts=True)
    order = np.argsort(counts, kind="stable")
    likeliest = np.zeros(symbols, np.int64)
    likeliest[values[order] // symbols] = values[order] % symbols
    return float((likeliest[held_out[:-1]] == held_out[1:]).mean())
