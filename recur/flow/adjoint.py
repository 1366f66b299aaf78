# SPDX-License-Identifier: Apache-2.0
"""The total derivative of a loss with respect to the state at every time step."""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recur.cell import Cell, Params, State
from recur.flow.paths import check_paths, keep, paths_of
from recur.flow.scaled import ABSENT, ScaledAdjoints, add, rescale, shift, unscale


Loss = Callable[[State], jax.Array]
"""`states -> scalar`, where `states` is the state's pytree with a leading T."""


class Trajectory(NamedTuple):
    """A forward pass.

    Attributes:
      us: the projected inputs of every step, `[T, *B, ...]`.
      before: the state before every step, `[T, *B, ...]`.
      states: the state after every step, `[T, *B, ...]`.
    """

    us: Any
    before: State
    states: State


def trajectory(
    cell: Cell, params: Params, xs: jax.Array, state: State | None = None
) -> Trajectory:
    """Run a cell and store all states.

    Args:
      cell: any cell.
      params: its parameters.
      xs: `[T, *B, I]` inputs.
      state: the state before the first step; `cell.initial_state` if None.
    """
    first = cell.initial_state(params, batch_shape_of(xs)) if state is None else state
    us = cell.project(params, xs)

    def forward(state, u):
        state, _ = cell.step(params, state, u)
        return state, state

    states = jax.lax.scan(forward, first, us)[1]
    before = jax.tree.map(lambda s0, s: jnp.concatenate([s0[None], s[:-1]]), first, states)
    return Trajectory(us, before, states)


def adjoints(
    cell: Cell,
    params: Params,
    xs: jax.Array,
    loss: Loss,
    state: State | None = None,
) -> tuple[jax.Array, State, State]:
    """Compute the total derivative of a loss with respect to the state at every step.

    adjoint_t = dL/ds_t = direct_t + (ds_{t+1}/ds_t)^T adjoint_{t+1}, adjoint_T = 0

    s_t is the state after consuming x_t, direct_t the partial derivative of the loss with
    respect to s_t, other states held fixed. The second term is the gradient through later
    steps.

    Args:
      cell: any cell.
      params: its parameters.
      xs: `[T, *B, I]` inputs; with flags if the cell is `masked` or `resettable`.
      loss: `states -> scalar`, where `states` is the state's pytree with a leading T.
      state: the state before the first step; `cell.initial_state` if None.

    Returns:
      `(value, states, adjoints)`: the loss, the trajectory `[T, *B, ...]`, and its
      total derivatives in the same structure. Numbers below the range of the dtype are
      zero; `scaled_adjoints` represents them.

    Raises:
      ValueError: the loss is not scalar, or `xs` does not fit `params`.
    """
    value, states, scaled = scaled_adjoints(cell, params, xs, loss, state)
    return value, states, unscale(scaled)


def scaled_adjoints(
    cell: Cell,
    params: Params,
    xs: jax.Array,
    loss: Loss,
    state: State | None = None,
    through: Collection[str] | None = None,
) -> tuple[jax.Array, State, ScaledAdjoints]:
    """Compute `adjoints` without underflow or overflow, for sequences of any length.

    Each step of the reverse pass is rescaled by a power of two, which is exact: where the
    plain adjoint is a normal number, the two agree to the last bit.

    Args:
      cell, params, xs, loss, state: as `adjoints`.
      through: names of the paths (`flow.paths_of`) that gradient may take from a state to
        the one before; None is all.

    Returns:
      `(value, states, adjoints)`, the adjoints as a `ScaledAdjoints`.

    Raises:
      ValueError: as `adjoints`; or the cell has no path of this name.
    """
    run = trajectory(cell, params, xs, state)
    value, direct = direct_adjoints(loss, run.states)
    scaled = rescale(direct, jax.tree.leaves(xs)[0].shape[:-1])
    return value, run.states, pull_back(cell, params, run, scaled, through)


def batch_shape_of(xs: Any) -> tuple[int, ...]:
    """Find *B of inputs `[T, *B, I]`, or of a tuple that begins with them."""
    return jax.tree.leaves(xs)[0].shape[1:-1]


def direct_adjoints(loss: Loss, states: State) -> tuple[jax.Array, State]:
    """Compute the loss and its derivative by each state, other states held fixed.

    Raises:
      ValueError: the loss is not scalar.
    """
    check_scalar(loss, states)
    return jax.value_and_grad(loss)(states)


def check_scalar(loss: Loss, states: State) -> None:
    """Check that a loss is scalar.

    Raises:
      ValueError: the loss is not scalar.
    """
    value = jax.eval_shape(loss, states)
    if getattr(value, "shape", None) != ():
        raise ValueError(f"adjoints: the loss must be a scalar, got {value}")


def pull_back(
    cell: Cell,
    params: Params,
    run: Trajectory,
    direct: ScaledAdjoints,
    through: Collection[str] | None = None,
) -> ScaledAdjoints:
    """Compute total adjoints `[T, *B, ...]` from direct ones, by the reverse pass.

    Args:
      cell: any cell.
      params: its parameters.
      run: its forward pass.
      direct: derivatives by each state, other states held fixed.
      through: names of the paths that gradient may take; None is all.
    """
    first = jax.tree.map(lambda leaf: leaf[0], run.before)
    step = restricted_step(cell, params, first, run.us, through)

    batch_shape = direct.exponent.shape[1:]

    def backward(later, x):
        direct, before, u = x
        total = add(direct, later)
        _, pull = jax.vjp(lambda s: step(params, s, u), before)
        earlier = rescale(pull(total.mantissa)[0], batch_shape)
        return shift(earlier, total.exponent), total

    absent = jnp.full(batch_shape, ABSENT, jnp.int32)
    last = ScaledAdjoints(jax.tree.map(jnp.zeros_like, first), absent)
    return jax.lax.scan(backward, last, (direct, run.before, run.us), reverse=True)[1]


def restricted_step(
    cell: Cell, params: Params, state: State, us: Any, through: Collection[str] | None
) -> Callable[[Params, State, Any], State]:
    """Make a step `(params, state, u) -> state` with gradient through chosen paths only.

    Raises:
      ValueError: the cell has no path of this name.
    """
    if through is None:
        return lambda params, state, u: cell.step(params, state, u)[0]
    paths = paths_of(cell, params, state, us)
    check_paths(through, paths.names)

    def step(params, state, u):
        return paths.step(params, keep(dict.fromkeys(paths.names, state), through), u, {})

    return step
