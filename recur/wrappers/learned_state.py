# SPDX-License-Identifier: Apache-2.0
"""Make the state before the first step a parameter."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur.cell import Cell, Params, State, factory


class LearnedStateParams(NamedTuple):
    """Parameters of `learned_state`.

    Attributes:
      inner: the parameters of the wrapped cell.
      start: the state before the first step, without batch axes.
    """

    inner: Params
    start: State


@factory
def learned_state(cell: Cell) -> Cell:
    """Make s_0 a parameter. Its initial value is the `initial_state` of the cell.

    Args:
      cell: the cell to wrap.
    """

    def init(key, input_size):
        inner = cell.init(key, input_size)
        return LearnedStateParams(inner, cell.initial_state(inner, ()))

    def initial_state(params, batch_shape):
        return jax.tree.map(
            lambda leaf: jnp.broadcast_to(leaf, (*batch_shape, *leaf.shape)), params.start
        )

    def project(params, xs):
        return cell.project(params.inner, xs)

    def step(params, state, u):
        return cell.step(params.inner, state, u)

    return Cell(init, initial_state, project, step)
