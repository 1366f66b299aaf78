# SPDX-License-Identifier: Apache-2.0
"""Gradient norms against distance in time: the lag curve, its slope, its half-life."""

import math
from collections.abc import Collection
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from recur.cell import Cell, Params, State
from recur.flow.adjoint import Loss, scaled_adjoints
from recur.flow.scaled import log10_norms


def lag_curve(
    cell: Cell,
    params: Params,
    xs: jax.Array,
    loss: Loss,
    state: State | None = None,
    through: Collection[str] | None = None,
) -> State:
    """Compute log10 ||dL/ds_{T-1-k}|| for every lag k and each leaf of the state.

    Norms are L2 over units, averaged geometrically over the batch. They do not underflow,
    since `scaled_adjoints` computes them.

    Args:
      cell: any cell.
      params: its parameters.
      xs: `[T, *B, I]` inputs.
      loss: `states -> scalar`, as in `adjoints`.
      state: the state before the first step; `cell.initial_state` if None.
      through: names of the paths that gradient may take; None is all.

    Returns:
      The state's pytree with a `[T]` array for each leaf, indexed by lag; -inf where the
      gradient of a batch element is exactly zero. An example is c of an LSTM at lag 0, if
      the loss reads h alone.

    Raises:
      ValueError: the loss is not scalar, `xs` does not fit `params`, or a path is unknown.
    """
    _, _, scaled = scaled_adjoints(cell, params, xs, loss, state, through)
    return jax.tree.map(by_lag, log10_norms(scaled))


def by_lag(log_norms: jax.Array) -> jax.Array:
    """Average log norms `[T, *B]` over the batch and index them by lag, `[T]`."""
    return log_norms.reshape(len(log_norms), -1).mean(1)[::-1]


def slope(curve: jax.typing.ArrayLike) -> Any:
    """Fit a line to the finite entries of a lag curve by least squares.

    Args:
      curve: `[..., T]` log10 norms indexed by lag. NumPy gives NumPy, without compiling.

    Returns:
      `[...]` d ln||dL/ds|| / d lag [nats/step]; negative where gradient vanishes with
      distance, NaN where fewer than two entries are finite.
    """
    xp, norms = _with_module(curve)
    lag = xp.arange(norms.shape[-1], dtype=norms.dtype)
    finite = xp.isfinite(norms)
    nats = xp.where(finite, norms, 0) * math.log(10)
    count = finite.sum(-1, keepdims=True).astype(lag.dtype)
    with np.errstate(invalid="ignore"):
        middle = xp.where(finite, lag, 0).sum(-1, keepdims=True) / count
        centred = xp.where(finite, lag - middle, 0)
        return (centred * nats).sum(-1) / xp.square(centred).sum(-1)


def half_life(slope: jax.typing.ArrayLike) -> Any:
    """Compute the steps over which gradient halves: ln 2 / -slope.

    inf where gradient does not shrink. NaN where the slope is NaN, as it is for a state
    that is not fed back. NumPy gives NumPy, without compiling.
    """
    xp, slopes = _with_module(slope)
    with np.errstate(divide="ignore"):
        return xp.where(slopes >= 0, xp.inf, math.log(2) / -slopes)


def _with_module(array: jax.typing.ArrayLike) -> tuple[Any, Any]:
    """`jax.numpy` and an array of JAX, else NumPy and an array of float64."""
    if isinstance(array, jax.Array):
        return jnp, array
    return np, np.asarray(array, float)
