# SPDX-License-Identifier: Apache-2.0
"""Restart a cell where a new segment begins."""

from recur.cell import Cell, factory
from recur.wrappers.masks import select


@factory
def resettable(cell: Cell) -> Cell:
    """s_t = step(s_0 where reset_t, s_{t-1} elsewhere; x_t).

    The inputs are `(xs [T, *B, I], reset [T, *B] bool)`. A reset at t acts before x_t is
    consumed; neither state nor gradient crosses it.

    Args:
      cell: the cell to wrap; s_0 is its initial state.
    """

    def project(params, inputs):
        xs, reset = inputs
        return cell.project(params, xs), reset

    def step(params, state, inputs):
        u, reset = inputs
        fresh = cell.initial_state(params, reset.shape)
        return cell.step(params, select(reset, fresh, state), u)

    return Cell(cell.init, cell.initial_state, project, step)
