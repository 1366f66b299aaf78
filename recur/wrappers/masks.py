# SPDX-License-Identifier: Apache-2.0
"""Skip the padding of a batch of sequences of different lengths."""

import jax
import jax.numpy as jnp

from recur.cell import Cell, State, factory


@factory
def masked(cell: Cell) -> Cell:
    """s_t = step(s_{t-1}, x_t), y_t where valid_t;  s_t = s_{t-1}, y_t = 0 elsewhere.

    The inputs are `(xs [T, *B, I], valid [T, *B] bool)`. Inputs at invalid steps, NaN
    included, have no influence, and the gradient with respect to them is exactly zero.

    Args:
      cell: the cell to wrap.
    """

    def project(params, inputs):
        xs, valid = inputs
        blank = jax.tree.map(jnp.zeros_like, xs)
        return cell.project(params, select(valid, xs, blank)), valid

    def step(params, state, inputs):
        u, valid = inputs
        moved, y = cell.step(params, state, u)
        return select(valid, moved, state), select(valid, y, jnp.zeros_like(y))

    return Cell(cell.init, cell.initial_state, project, step)


def select(flag: jax.Array, on_true: State, on_false: State) -> State:
    """Choose between two trees of `[*B, ...]` for each batch element by `flag [*B]`."""

    def choose(a, b):
        return jnp.where(flag.reshape(flag.shape + (1,) * (a.ndim - flag.ndim)), a, b)

    return jax.tree.map(choose, on_true, on_false)
