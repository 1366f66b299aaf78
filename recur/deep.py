# SPDX-License-Identifier: Apache-2.0
"""Cells on top of each other as one cell, so that all that a cell has, depth has too."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from recur.cell import Cell, factory


def deep(cells: Sequence[Cell]) -> Cell:
    """s_t^l, y_t^l = step_l(s_{t-1}^l, project_l(y_t^{l-1})), with y_t^0 = x_t.

    Values are those of `recur.stack`, which runs layer by layer and is a `Layer`; this is
    a `Cell`, with adjoints, paths, Jacobians and exponents of the whole stack.

    The state is what goes on to the next step, so the adjoint of a lower layer is of what it
    keeps, not of what it hands up within the step; `recur.flow.stack_parts` has both.

    Parameters are a tuple, the layer nearest to the input first. The state is a tuple,
    the last layer first, since the output of a cell is the first leaf of its state.

    Args:
      cells: the one nearest to the input first.

    Raises:
      ValueError: no cell.

    Paper: El Hihi & Bengio, "Hierarchical recurrent neural networks for long-term
    dependencies", 1995.
    """
    if not cells:
        raise ValueError("deep: at least one cell, got none")
    return cells[0] if len(cells) == 1 else _deep(tuple(cells))


@factory
def _deep(cells: tuple[Cell, ...]) -> Cell:
    def init(key, input_size):
        params = []
        for depth, cell in enumerate(cells):
            params.append(cell.init(jax.random.fold_in(key, depth), input_size))
            input_size = _width(cell, params[-1], input_size)
        return tuple(params)

    def initial_state(params, batch_shape):
        pairs = zip(cells, params, strict=True)
        return tuple(cell.initial_state(p, batch_shape) for cell, p in pairs)[::-1]

    def project(params, xs):
        return cells[0].project(params[0], xs)

    def step(params, state, u):
        first, y = cells[0].step(params[0], state[-1], u)
        states = [first]
        for cell, weights, before in zip(cells[1:], params[1:], state[-2::-1], strict=True):
            after, y = cell.step(weights, before, _at_once(cell, weights, y))
            states.append(after)
        return tuple(states[::-1]), y

    return Cell(init, initial_state, project, step)


def _at_once(cell, params, y):
    """What a cell makes of the input of one step, `[*B, I]`."""
    us = cell.project(params, y[None])
    return jax.tree.map(lambda leaf: leaf[0], us)


def _width(cell, params, input_size):
    def run():
        us = cell.project(params, jnp.zeros((1, input_size)))
        u = jax.tree.map(lambda leaf: leaf[0], us)
        return cell.step(params, cell.initial_state(params, ()), u)[1]

    return jax.eval_shape(run).shape[-1]
