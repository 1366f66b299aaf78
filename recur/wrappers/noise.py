# SPDX-License-Identifier: Apache-2.0
"""Keys for wrappers that use randomness.

The parameters of such a cell are `NoisyParams(inner, noise)`. By default `noise` holds no
array: gradients, optimizers and checkpoints see the inner parameters alone, and the cell
is deterministic, as in evaluation. For training, fill in keys inside the loss:

    def loss(params, key, xs):
        state, ys = recur.unroll(cell, recur.with_key(params, key), xs)

`masked` and `resettable` change the type of the inputs; wrap a noisy cell in them, not
the reverse.
"""

import itertools
from typing import NamedTuple

import jax

from recur.cell import Cell, Params


class Noise(NamedTuple):
    """The randomness of one noisy cell.

    Attributes:
      key: a PRNG key, or None for evaluation.
    """

    key: jax.Array | None = None


class NoisyParams(NamedTuple):
    """Parameters of a noisy cell.

    Attributes:
      inner: the parameters of the wrapped cell.
      noise: the key, filled in by `with_key`.
    """

    inner: Params
    noise: Noise = Noise()


def with_key(params: Params, key: jax.Array | None) -> Params:
    """Give every `Noise` in a tree of parameters its own key, folded from `key`.

    Args:
      params: parameters of a cell, a layer or a whole model.
      key: a PRNG key for training, or None for evaluation.

    Returns:
      The same tree with other keys.
    """
    count = itertools.count()

    def fill(node):
        if not isinstance(node, Noise):
            return node
        return Noise(None if key is None else jax.random.fold_in(key, next(count)))

    return jax.tree.map(fill, params, is_leaf=lambda node: isinstance(node, Noise))


def under_noise(cell: Cell) -> Cell:
    """Wrap a cell in `NoisyParams` and ignore the noise; wrappers replace functions of it."""

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
    """Check a probability.

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
