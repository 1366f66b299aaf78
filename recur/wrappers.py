# SPDX-License-Identifier: Apache-2.0
"""Cell -> Cell: padding, borders of segments, a learned start, a way around.

`masked` and `resettable` take `(xs, flags)` for their input, `flags [T, *B]` bool beside
`xs [T, *B, I]`, and keep the parameters and the state of the cell within. They go
around all others; `recur.unroll` puts them there.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur.cell import Cell, Params, State, factory


class LearnedStateParams(NamedTuple):
    """The parameters of the cell within, and its state before the first step.

    Attributes:
      inner: what the `init` of the cell within returned.
      start: the state's pytree without batch axes.
    """

    inner: Params
    start: State


@factory
def learned_state(cell: Cell) -> Cell:
    """s_0 is a parameter, at the start the `initial_state` of the cell within.

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


@factory
def residual(cell: Cell) -> Cell:
    """y_t <- y_t + x_t. The state is that of the cell within.

    Args:
      cell: the cell to wrap, whose output is as wide as its input.

    Raises:
      ValueError: at a step, output and input differ in width.
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


@factory
def masked(cell: Cell) -> Cell:
    """s_t = step(s_{t-1}, x_t), y_t where valid_t;  s_t = s_{t-1}, y_t = 0 elsewhere.

    Its input is `(xs, valid)`. Nothing that stands at a step that is not valid has any
    influence, not even a NaN, and its gradient is exactly zero.

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


@factory
def resettable(cell: Cell) -> Cell:
    """s_t = step(s_0 where reset_t, s_{t-1} elsewhere; x_t).

    Its input is `(xs, reset)`. A reset at t acts before x_t is consumed: the state and
    the gradient of all that was before are exactly cut off.

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


def select(flag: jax.Array, on_true: State, on_false: State) -> State:
    """Choose between two trees of `[*B, ...]` for each batch element by `flag [*B]`."""

    def choose(a, b):
        return jnp.where(flag.reshape(flag.shape + (1,) * (a.ndim - flag.ndim)), a, b)

    return jax.tree.map(choose, on_true, on_false)
