# SPDX-License-Identifier: Apache-2.0
"""Singular values of the Jacobian over a window of time, for cells of any width."""

import jax
import jax.numpy as jnp

from recur.cell import Cell, Params, State
from recur.flow.adjoint import batch_shape_of
from recur.flow.jacobian import EXACT, Flat, flatten
from recur.flow.scaled import ABSENT, decades, rescale


def window_singular_values(
    cell: Cell,
    params: Params,
    xs: jax.Array,
    window: int,
    count: int = 1,
    state: State | None = None,
    exact: bool | None = None,
    sweeps: int = 30,
) -> jax.Array:
    """Compute log10 of the largest singular values of ds_{T-1}/ds_{T-1-window}.

    If `exact`, by a dense product of Jacobians. Otherwise by orthogonal iteration, without
    a matrix: `count` tangents are pushed forward through the window (`jax.jvp`) and pulled
    back (`jax.vjp`), `sweeps` times. The relative error of the j-th value shrinks as
    (sigma_{count+1} / sigma_j)^(2 sweeps).

    Args:
      cell: any cell.
      params: its parameters.
      xs: `[T, *B, I]` inputs.
      window: the number of steps before the last state.
      count: the number of singular values.
      state: the state before the first step; `cell.initial_state` if None.
      exact: use dense products; None is True up to a state of `EXACT` numbers.
      sweeps: the number of iterations.

    Returns:
      `[*B, count]`, the largest first.

    Raises:
      ValueError: the window is not 1 to T steps, or `xs` does not fit `params`.
    """
    steps = len(jax.tree.leaves(xs)[0])
    if not 1 <= window <= steps:
        raise ValueError(f"window must be 1 to {steps}, the length of xs; got {window}")
    flat = flatten(cell, params, xs, state)
    last = jax.tree.map(lambda leaf: leaf[-window:], (flat.before, flat.us))
    flat = flat._replace(before=last[0], us=last[1])
    width = flat.before.shape[-1]
    exact = width <= EXACT if exact is None else exact
    if exact:
        tangents = jnp.eye(width, dtype=flat.before.dtype)
    else:
        key = jax.random.key(0)
        guess = jax.random.normal(key, (width, min(count, width)), flat.before.dtype)
        tangents = _orthonormal(guess)
    tangents = jnp.broadcast_to(tangents, (flat.before.shape[1], *tangents.shape))
    sweep = lambda v: _orthonormal(_pull(flat, _push(flat, v)[0]))
    tangents = tangents if exact else _repeat(sweep, tangents, sweeps)
    mantissa, exponent = _push(flat, tangents)
    values = jnp.linalg.svd(mantissa, compute_uv=False)[:, :count]
    found = jnp.log10(values) + decades(exponent, values.dtype)[:, None]
    return found.reshape(*batch_shape_of(xs), -1)


def _repeat(function, value, times):
    return jax.lax.scan(lambda carry, x: (function(carry), x), value, length=times)[0]


def _orthonormal(columns):
    return jnp.linalg.qr(columns)[0]


def _push(flat: Flat, tangents):
    """Compute M V for `[N, n, k]` tangents V, as mantissas and exponents `[N]`."""

    def one(s, u, columns):
        push = lambda v: jax.jvp(lambda s: flat.step(s, u), (s,), (v,))[1]
        return jax.vmap(push, 1, 1)(columns)

    return _through(jax.vmap(one), flat, tangents, reverse=False)


def _pull(flat: Flat, tangents):
    """Compute M^T U up to scale."""

    def one(s, u, columns):
        _, pull = jax.vjp(lambda s: flat.step(s, u), s)
        return jax.vmap(lambda v: pull(v)[0], 1, 1)(columns)

    return _through(jax.vmap(one), flat, tangents, reverse=True)[0]


def _through(apply, flat, tangents, reverse):
    def step(carry, x):
        columns, exponent = carry
        mantissa, power = rescale(apply(*x, columns), columns.shape[:1])
        return (mantissa, jnp.maximum(exponent + power, ABSENT)), None

    start = tangents, jnp.zeros(len(tangents), jnp.int32)
    return jax.lax.scan(step, start, (flat.before, flat.us), reverse=reverse)[0]
