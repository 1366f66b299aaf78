# SPDX-License-Identifier: Apache-2.0
"""Gradient against distance in time: the lag curve, its slope and its half-life."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from recur.cell import Cell, Params, State
from recur.flow.adjoint import scaled_adjoints


def lag_curve(
    cell: Cell,
    params: Params,
    xs: jax.Array,
    loss: Callable[[State], jax.Array],
    state: State | None = None,
) -> State:
    """log10 ||dL/ds_{T-1-k}|| against the lag k, for each leaf of the state.

    The norm is L2 over units, the mean over the batch geometric. Nothing underflows:
    the norms are taken from `scaled_adjoints`.

    Args:
      cell: any cell.
      params: its parameters.
      xs: `[T, *B, I]` inputs.
      loss: `states -> scalar`, as in `adjoints`.
      state: the state before the first step; `cell.initial_state` if None.

    Returns:
      The state's pytree with a `[T]` array for each leaf, indexed by lag. -inf marks a
      gradient that is exactly zero in some batch element, as that of an LSTM's c at
      lag 0 is when the loss reads h alone.

    Raises:
      ValueError: the loss is not scalar, or `xs` does not fit.
    """
    value, _, scaled = scaled_adjoints(cell, params, xs, loss, state)
    decades = scaled.exponent.astype(value.dtype) * math.log10(2)

    def curve(leaf):
        log_norm = log10_norm(leaf, decades.ndim) + decades
        return log_norm.reshape(len(decades), -1).mean(1)[::-1]

    return jax.tree.map(curve, scaled.mantissa)


def log10_norm(leaf: jax.Array, leading: int) -> jax.Array:
    """log10 of the L2 norm over all but the `leading` axes; -inf for exact zeros."""
    axes = tuple(range(leading, leaf.ndim))
    size = jnp.abs(leaf)
    peak = size.max(axes, keepdims=True, initial=0)
    # Squares of what is far below the peak of its own leaf may vanish, no others.
    ratio = size / jnp.where(peak > 0, peak, 1)
    norm = jnp.sqrt(jnp.square(ratio).sum(axes))
    return jnp.log10(norm) + jnp.log10(peak.reshape(norm.shape))


def slope(curve: jax.Array) -> jax.Array:
    """Least-squares slope of a lag curve, in nats a step, over its finite entries.

    Args:
      curve: `[..., T]` log10 norms indexed by lag.

    Returns:
      `[...]` d ln||dL/ds|| / d lag; negative where gradient vanishes with distance.
    """
    lag = jnp.arange(curve.shape[-1], dtype=curve.dtype)
    finite = jnp.isfinite(curve)
    nats = jnp.where(finite, curve, 0) * math.log(10)
    count = finite.sum(-1, keepdims=True)
    middle = jnp.where(finite, lag, 0).sum(-1, keepdims=True) / count.astype(lag.dtype)
    centred = jnp.where(finite, lag - middle, 0)
    return (centred * nats).sum(-1) / jnp.square(centred).sum(-1)


def half_life(slope: jax.typing.ArrayLike) -> jax.Array:
    """Steps over which gradient halves, ln 2 / -slope; inf where it does not shrink.

    NaN where there is no slope, as of a state that is not fed back.
    """
    slope = jnp.asarray(slope)
    return jnp.where(slope >= 0, jnp.inf, math.log(2) / -slope)
