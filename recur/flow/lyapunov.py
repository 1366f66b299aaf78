# SPDX-License-Identifier: Apache-2.0
"""Lyapunov exponents: how fast nearby trajectories part, direction by direction."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur.cell import Cell, Params, State
from recur.flow.adjoint import batch_shape_of
from recur.flow.jacobian import flatten


class Lyapunov(NamedTuple):
    """A Lyapunov spectrum.

    Attributes:
      exponents: `[*B, count]` nats a step, the largest first but for what has not
        converged.
      running: `[T, *B, count]`, the mean over the steps so far after the transient: how
        the exponents converge. NaN within the transient.
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

    The loop holds `count` tangents, never a Jacobian. Everything is differentiable, so
    that gradient flossing (Engelken 2023) is `(lyapunov(...).exponents ** 2).sum()` in a
    loss.

    Args:
      cell: any cell.
      params: its parameters.
      xs: `[T, *B, I]` inputs; zeros for an autonomous network.
      count: how many exponents; all if None.
      state: the state before the first step; `cell.initial_state` if None.
      transient: steps at the start that turn the directions and count for nothing.

    Raises:
      ValueError: the transient is not shorter than `xs`, or there are not as many
        exponents.

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

    # Not the axes of the state: the first may have no part in what comes after.
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
