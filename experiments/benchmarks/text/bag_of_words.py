# SPDX-License-Identifier: Apache-2.0
"""A bag of words as a cell, to measure what the order of the words is worth.

    python -m experiments --benchmark=word_order \\
        --cells=gru,experiments.benchmarks.text.bag_of_words:bag_of_words
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

import recur
from recur.cell import check_hidden
from recur.initializers import lecun


class BagOfWordsParams(NamedTuple):
    """Weights of a `bag_of_words`.

    Attributes:
      w_x: `[I, H]`, the vector of each word.
      b: None; a bias, added at every step, would only count the words.
    """

    w_x: jax.Array
    b: None = None


@recur.factory
def bag_of_words(hidden: int) -> recur.Cell:
    """h_t = h_{t-1} + W_x x_t.

    The state is the sum of the vectors of all words so far, in whatever order.

    Args:
      hidden: H [units].

    Raises:
      ValueError: `hidden` is below 1.
    """
    check_hidden("bag_of_words", hidden)

    def init(key, input_size):
        return BagOfWordsParams(lecun(key, (input_size, hidden), 1))

    def initial_state(params, batch_shape):
        return jnp.zeros((*batch_shape, hidden), params.w_x.dtype)

    def step(params, h, u):
        del params  # They are in u already.
        h = h + u
        return h, h

    project = recur.affine_project("bag_of_words")
    return recur.Cell(init, initial_state, project, step)
