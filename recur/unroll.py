# SPDX-License-Identifier: Apache-2.0
"""Running a cell over a sequence."""

import functools
from collections.abc import Callable
from typing import Any

import jax

from recur.cell import Cell, Params, State


def unroll(
    cell: Cell,
    params: Params,
    xs: jax.Array,
    state: State | None = None,
    *,
    reverse: bool = False,
    scan: Callable[..., Any] = jax.lax.scan,
) -> tuple[State, jax.Array]:
    """Apply a cell to every step of a sequence: s_t, y_t = step(s_{t-1}, x_t).

    Args:
      cell: the cell.
      params: what `cell.init` returned.
      xs: `[T, *B, I]` inputs, time first.
      state: the state before the first step; `cell.initial_state` if None.
      reverse: run from the last step to the first; `ys[t]` still belongs to `xs[t]`.
      scan: the loop, any function with the signature of `jax.lax.scan`.

    Returns:
      `(state, ys)`: the state after the last step taken, and outputs `[T, *B, H]`.

    Raises:
      ValueError: `xs` has no time axis or does not fit `params`.
    """
    if xs.ndim < 2:
        raise ValueError(f"unroll: xs must be [T, *B, I], time first; got {xs.shape}")
    if state is None:
        state = cell.initial_state(params, xs.shape[1:-1])
    us = cell.project(params, xs)
    step = functools.partial(cell.step, params)
    return scan(step, state, us, reverse=reverse)
