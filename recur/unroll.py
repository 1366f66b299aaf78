# SPDX-License-Identifier: Apache-2.0
"""Run a cell over a sequence, with padding, segment resets and engines."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from recur.cell import Cell, Params, State
from recur.engine import Engine
from recur.engines import ENGINES, plain
from recur.wrappers import masked, resettable


def unroll(
    cell: Cell,
    params: Params,
    xs: jax.Array,
    state: State | None = None,
    *,
    lengths: jax.typing.ArrayLike | None = None,
    resets: jax.typing.ArrayLike | None = None,
    reverse: bool = False,
    engine: str | Engine | Callable[..., Any] = "auto",
) -> tuple[State, jax.Array]:
    """Apply a cell to every step of a sequence: s_t, y_t = step(s_{t-1}, x_t).

    Args:
      cell: the cell.
      params: its parameters, from `cell.init`.
      xs: `[T, *B, I]` inputs, time first.
      state: the state before the first step; `cell.initial_state` if None.
      lengths: `[*B]` int, the number of valid steps, 0 to T, of each sequence of a
        right-padded batch. Past its end a sequence keeps its state; its outputs and all
        gradients are exactly zero.
      resets: `[T, *B]` bool, true where x_t is the first step of a segment: neither
        state nor gradient passes between t - 1 and t, in either direction.
      reverse: run from the last valid step to the first; `ys[t]` belongs to `xs[t]`.
      engine: how to run the loop, without a change of values or gradients: a name in
        `recur.engines.ENGINES`, an `Engine`, or a function with the signature of
        `jax.lax.scan`. "auto" is the fastest known for the platform and the shapes;
        "scan" is the readable reference.

    Returns:
      `(state, ys)`: the state after the last step, and outputs `[T, *B, H]`.

    Raises:
      ValueError: `xs` has no time axis or does not fit `params`; `state`, `lengths` or
        `resets` have another batch shape; a length is negative or above T; or the engine
        is unknown. Traced lengths cannot be checked; they are clipped to 0..T.
      TypeError: `lengths` are not integers, `resets` not booleans, or `state` has
        another structure or dtype than `cell.initial_state`.
    """
    if xs.ndim < 2:
        raise ValueError(f"unroll: xs must be [T, *B, I], time first; got {xs.shape}")
    steps, *batch = xs.shape[:-1]
    if state is None:
        state = cell.initial_state(params, tuple(batch))
    _check_state(cell, params, state, tuple(batch))
    inputs: Any = xs
    if resets is not None:
        cell, inputs = resettable(cell), (inputs, _borders(resets, xs, reverse))
    if lengths is not None:
        cell, inputs = masked(cell), (inputs, _valid(lengths, steps, tuple(batch)))
    return _engine(engine).run(cell, params, state, inputs, reverse=reverse)


def _engine(engine):
    if isinstance(engine, Engine):
        return engine
    if callable(engine):
        return plain(engine)
    if engine not in ENGINES:
        raise ValueError(
            f"unroll: engine must be one of {', '.join(ENGINES)}, or an Engine, or a "
            f"function like jax.lax.scan; got {engine!r}"
        )
    return ENGINES[engine]


def _borders(resets, xs, reverse):
    """Check resets and shift them so that each acts before x_t is consumed."""
    resets = jnp.asarray(resets)
    if resets.dtype != jnp.bool_:
        raise TypeError(f"unroll: resets must be bool, got {resets.dtype}")
    if resets.shape != xs.shape[:-1]:
        raise ValueError(
            f"unroll: resets must be [T, *B] = {xs.shape[:-1]} as xs, got {resets.shape}"
        )
    if not reverse:
        return resets
    # In reverse the loop crosses the border between t and t + 1 before it reads x_t.
    return jnp.concatenate([resets[1:], jnp.zeros_like(resets[:1])])


def _valid(lengths, steps, batch):
    """Check lengths. Returns `[T, *B]` bool, true before the end of each sequence."""
    if not isinstance(lengths, jax.core.Tracer):
        known = np.asarray(lengths)
        if known.size and (known.min() < 0 or known.max() > steps):
            raise ValueError(
                f"unroll: lengths must be 0 to {steps}, the steps of xs; got "
                f"{known.min()} to {known.max()}"
            )
    lengths = jnp.asarray(lengths)
    if not jnp.issubdtype(lengths.dtype, jnp.integer):
        raise TypeError(f"unroll: lengths must be integers, got {lengths.dtype}")
    if lengths.shape != batch:
        raise ValueError(f"unroll: lengths must be [*B] = {batch}, got {lengths.shape}")
    return jnp.arange(steps).reshape(steps, *(1 for _ in batch)) < lengths


def _check_state(cell, params, state, batch):
    """Check that the state has the structure, shapes and dtypes of the initial state."""
    wanted = jax.eval_shape(lambda: cell.initial_state(params, batch))
    structures: list[Any] = [jax.tree.structure(tree) for tree in (state, wanted)]
    if structures[0] != structures[1]:
        raise TypeError(
            f"unroll: state must be a {structures[1]}, like cell.initial_state; "
            f"got {structures[0]}"
        )
    for have, want in zip(jax.tree.leaves(state), jax.tree.leaves(wanted), strict=True):
        if jnp.shape(have) != want.shape:
            raise ValueError(
                f"unroll: a leaf of state has shape {jnp.shape(have)}, but xs and params "
                f"need {want.shape}; does it belong to another batch?"
            )
        if jnp.result_type(have) != want.dtype:
            raise TypeError(
                f"unroll: a leaf of state is {jnp.result_type(have)}, but params need "
                f"{want.dtype}; cast the state or the parameters"
            )
