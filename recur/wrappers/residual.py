# SPDX-License-Identifier: Apache-2.0
"""Add the input of a cell to its output."""

from recur.cell import Cell, factory


@factory
def residual(cell: Cell) -> Cell:
    """y_t <- y_t + x_t. Parameters and state do not change.

    Args:
      cell: the cell to wrap, with outputs as wide as its inputs.

    Raises:
      ValueError: at a step, the widths of output and input differ.
    """

    def project(params, xs):
        return cell.project(params, xs), xs

    def step(params, state, inputs):
        u, x = inputs
        state, y = cell.step(params, state, u)
        if x.shape != y.shape:
            raise ValueError(
                f"residual: the output must be as wide as the input; x_t is {x.shape}, "
                f"y_t {y.shape}"
            )
        return state, y + x

    return Cell(cell.init, cell.initial_state, project, step)
