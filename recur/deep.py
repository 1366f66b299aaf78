# SPDX-License-Identifier: Apache-2.0
"""A stack of cells as one cell, for the analyses of gradient flow through depth."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from recur.cell import Cell, factory


def deep(cells: Sequence[Cell]) -> Cell:
    """s_t^l, y_t^l = step_l(s_{t-1}^l, project_l(y_t^{l-1})), with y_t^0 = x_t.

    It has the values of `recur.stack`, which is a `Layer` and runs layer by layer.
    This is a `Cell`: adjoints, paths, Jacobians and Lyapunov exponents of the whole stack
    can be computed.

    The adjoint of a lower layer covers the route through its state to the next step, not
    the route upwards within the step; `recur.flow.stack_parts` covers both.

    Parameters are a tuple from the input upwards. The state is a tuple from the top
    downwards, because the output of a cell must be the first leaf of its state.

    Args:
      cells: from the input upwards.

    Raises:
      ValueError: `cells` is empty.

    Paper: El Hihi & Bengio, "Hierarchical recurrent neural networks for long-term
    dependencies", 1995.
    """
    if not cells:
        raise ValueError("deep: needs at least one cell, got none")
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
            after, y = cell.step(weights, before, _project_one(cell, weights, y))
            states.append(after)
        return tuple(states[::-1]), y

    return Cell(init, initial_state, project, step)


def _project_one(cell, params, y):
    """Project the input of one time step, `[*B, I]`."""
    us = cell.project(params, y[None])
    return jax.tree.map(lambda leaf: leaf[0], us)


def _width(cell, params, input_size):
    def run():
        us = cell.project(params, jnp.zeros((1, input_size)))
        u = jax.tree.map(lambda leaf: leaf[0], us)
        return cell.step(params, cell.initial_state(params, ()), u)[1]

    return jax.eval_shape(run).shape[-1]
