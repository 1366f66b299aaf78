# SPDX-License-Identifier: Apache-2.0
"""Cell -> Cell with randomness: where the keys are.

The parameters of a noisy cell are `NoisyParams(inner, noise)`. At rest, and so in
gradients, optimizers and checkpoints, `noise` holds no array, and the cell is the
deterministic one of evaluation. For training, fill in keys inside the loss:

    def loss(params, key, xs):
        state, ys = recur.unroll(cell, recur.with_key(params, key), xs)

These cells take plain inputs, so they go inside `masked` and `resettable`.
"""

import itertools
from typing import NamedTuple

import jax

from recur.cell import Cell, Params


class Noise(NamedTuple):
    """The key of one noisy cell, or None for evaluation."""

    key: jax.Array | None = None


class NoisyParams(NamedTuple):
    """The parameters of the cell within, and the noise around it."""

    inner: Params
    noise: Noise = Noise()


def with_key(params: Params, key: jax.Array | None) -> Params:
    """Parameters whose every `Noise` has a key of its own, made from `key`.

    Args:
      params: parameters of a cell or a stack, noisy cells anywhere in them.
      key: a PRNG key for training, None for evaluation.
    """
    count = itertools.count()

    def fill(node):
        if not isinstance(node, Noise):
            return node
        return Noise(None if key is None else jax.random.fold_in(key, next(count)))

    return jax.tree.map(fill, params, is_leaf=lambda node: isinstance(node, Noise))


def under_noise(cell: Cell) -> Cell:
    """The cell within under `NoisyParams`, still without noise."""

    def init(key, input_size):
        return NoisyParams(cell.init(key, input_size))

    def initial_state(params, batch_shape):
        return cell.initial_state(params.inner, batch_shape)

    def project(params, xs):
        return cell.project(params.inner, xs)

    def step(params, state, u):
        return cell.step(params.inner, state, u)

    return Cell(init, initial_state, project, step)


def check_rate(name: str, rate: float) -> None:
    """Refuse what is no probability below one.

    Raises:
      ValueError: `rate` is not in [0, 1).
    """
    if not 0 <= rate < 1:
        raise ValueError(f"{name}: rate must be in [0, 1), got {rate}")


def dropout_mask(
    key: jax.Array, rate: float, shape: tuple[int, ...], dtype: jax.typing.DTypeLike
) -> jax.Array:
    """Draw 0 with probability `rate`, else 1 / (1 - rate): the expectation is 1."""
    return jax.random.bernoulli(key, 1 - rate, shape).astype(dtype) / (1 - rate)
