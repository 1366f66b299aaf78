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
      us: what the cell made of the inputs, for every step.
      before: the state before every step, `[T, *B, ...]`.
      states: the state after every step.
    """

    us: Any
    before: State
    states: State


def trajectory(
    cell: Cell, params: Params, xs: jax.Array, state: State | None = None
) -> Trajectory:
    """Run a cell, and keep all its states; `state` is the one before the first step."""
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
    """Total derivatives of a loss with respect to every state of a trajectory.

    adjoint_t = dL/ds_t = direct_t + (ds_{t+1}/ds_t)^T adjoint_{t+1}, adjoint_T = 0

    s_t is the state after consuming x_t, direct_t the derivative through what the loss
    reads of s_t itself, and the second term all that comes back through later steps.

    Args:
      cell: any cell.
      params: its parameters.
      xs: `[T, *B, I]` inputs, with the flags of a wrapped cell where it is one.
      loss: `states -> scalar`, where `states` is the state's pytree with a leading T.
      state: the state before the first step; `cell.initial_state` if None.

    Returns:
      `(value, states, adjoints)`: the loss, the trajectory `[T, *B, ...]`, and its
      total derivatives in the same structure. What is smaller than the dtype can hold
      is zero here; `scaled_adjoints` keeps it.

    Raises:
      ValueError: the loss is not scalar, or `xs` does not fit.
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
    """`adjoints` that neither underflow nor overflow, however long the sequence.

    Each step of the reverse pass is rescaled by a power of two, which is exact, so
    where the plain adjoint is a normal number the two agree to the last bit.

    Args:
      cell, params, xs, loss, state: as `adjoints`.
      through: the paths, of `flow.paths_of`, on which gradient may go from a state to
        the one before; None is all of them.

    Returns:
      `(value, states, scaled)` with `scaled` a `ScaledAdjoints`.

    Raises:
      ValueError: as `adjoints`; or the cell has no such path.
    """
    run = trajectory(cell, params, xs, state)
    value, direct = direct_adjoints(loss, run.states)
    scaled = rescale(direct, jax.tree.leaves(xs)[0].shape[:-1])
    return value, run.states, pull_back(cell, params, run, scaled, through)


def batch_shape_of(xs: Any) -> tuple[int, ...]:
    """*B of inputs `[T, *B, I]`, or of a tuple that begins with them."""
    return jax.tree.leaves(xs)[0].shape[1:-1]


def direct_adjoints(loss: Loss, states: State) -> tuple[jax.Array, State]:
    """The loss, and its derivatives by each state with all other states held fixed.

    Raises:
      ValueError: the loss is not scalar.
    """
    check_scalar(loss, states)
    return jax.value_and_grad(loss)(states)


def check_scalar(loss: Loss, states: State) -> None:
    """Refuse a loss that is not scalar.

    Raises:
      ValueError: it is not.
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
    """Total adjoints from direct ones, `[T, *B, ...]`, through some paths or through all."""
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
    """`(params, state, u) -> state`, with gradient through these paths alone.

    Raises:
      ValueError: the cell has no such path.
    """
    if through is None:
        return lambda params, state, u: cell.step(params, state, u)[0]
    paths = paths_of(cell, params, state, us)
    check_paths(through, paths.names)

    def step(params, state, u):
        return paths.step(params, keep(dict.fromkeys(paths.names, state), through), u, {})

    return step
