# SPDX-License-Identifier: Apache-2.0
"""Lyapunov exponents: the rates at which nearby trajectories diverge."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur.cell import Cell, Params, State
from recur.flow.adjoint import batch_shape_of
from recur.flow.jacobian import flatten


class Lyapunov(NamedTuple):
    """A Lyapunov spectrum.

    Attributes:
      exponents: `[*B, count]` [nats/step], the largest first once they have converged.
      running: `[T, *B, count]`, the mean over the steps from the transient to t, which
        shows convergence; NaN within the transient.
    """

    exponents: jax.Array
    running: jax.Array


def lyapunov(
    cell: Cell,
    params: Params,
    xs: jax.Array,
    count: int | None = None,
    state: State | None = None,
    transient: int = 0,
) -> Lyapunov:
    """lambda_i = lim 1/T sum_t ln |R_t[i, i]|,  Q_t R_t = (ds_t/ds_{t-1}) Q_{t-1}.

    Memory holds `count` tangents, not a Jacobian. The result is differentiable: gradient
    flossing (Engelken 2023) is `(lyapunov(...).exponents ** 2).sum()` in a loss.

    Args:
      cell: any cell.
      params: its parameters.
      xs: `[T, *B, I]` inputs; zeros for an autonomous network.
      count: the number of exponents; all if None.
      state: the state before the first step; `cell.initial_state` if None.
      transient: steps at the start that align the directions and are not averaged.

    Raises:
      ValueError: the transient is not shorter than `xs`, or `count` is not between 1
        and the size of the state.

    Papers: Benettin et al. 1980; Engelken, Wolf & Abbott, "Lyapunov spectra of chaotic
    recurrent neural networks", 2023; Vogt et al. 2022.
    """
    flat = flatten(cell, params, xs, state)
    steps, elements, width = flat.before.shape
    count = width if count is None else count
    if not 1 <= count <= width:
        raise ValueError(f"count must be 1 to {width}, the size of the state; got {count}")
    if not 0 <= transient < steps:
        raise ValueError(f"transient must be 0 to {steps - 1}, got {transient}")

    def push(s, u, columns):
        along = lambda v: jax.jvp(lambda s: flat.step(s, u), (s,), (v,))[1]
        return jax.vmap(along, 1, 1)(columns)

    def step(columns, x):
        before, u = x
        columns, r = jnp.linalg.qr(jax.vmap(push)(before, u, columns))
        return columns, jnp.log(jnp.abs(jnp.diagonal(r, axis1=-2, axis2=-1)))

    # Random directions: along an axis of the state the next state may not change at all.
    drawn = jax.random.normal(jax.random.key(0), (width, count), flat.before.dtype)
    start = jnp.linalg.qr(drawn)[0]
    start = jnp.broadcast_to(start, (elements, width, count))
    _, local = jax.lax.scan(step, start, (flat.before, flat.us))
    counted = jnp.arange(1 - transient, 1 - transient + steps)[:, None, None]
    local = jnp.where(counted > 0, local, 0)
    running = local.cumsum(0) / jnp.maximum(counted, 1).astype(local.dtype)
    running = jnp.where(counted > 0, running, jnp.nan)
    running = running.reshape(steps, *batch_shape_of(xs), count)
    return Lyapunov(running[-1], running)
