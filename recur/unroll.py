# SPDX-License-Identifier: Apache-2.0
"""Running a cell over a sequence: its ends, its borders, its direction, its loop."""

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
      params: what `cell.init` returned.
      xs: `[T, *B, I]` inputs, time first.
      state: the state before the first step; `cell.initial_state` if None.
      lengths: `[*B]` int, the valid steps of each sequence of a right-padded batch, 0
        to T. Past its end a sequence keeps its state, its outputs are zero, and so,
        exactly, are all gradients.
      resets: `[T, *B]` bool, true where x_t is the first step of a segment: nothing,
        and no gradient, passes between t - 1 and t, in either direction.
      reverse: run from the last valid step to the first; `ys[t]` belongs to `xs[t]`.
      engine: how to run the loop, which changes no value and no gradient: a name in
        `recur.engines.ENGINES`, an `Engine`, or a function with the signature of
        `jax.lax.scan`. "auto" is the fastest known for the platform and the length;
        "scan" is the readable reference.

    Returns:
      `(state, ys)`: the state after the last step taken, and outputs `[T, *B, H]`.

    Raises:
      ValueError: `xs` has no time axis or does not fit `params`; `state`, `lengths` or
        `resets` have another batch shape; a length is negative or beyond T (traced
        lengths cannot be looked at, and act as the nearest that is legal); or the engine is
        unknown.
      TypeError: lengths that are not integers, or resets that are not booleans.
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
    """Resets in the order of the loop: before x_t is consumed."""
    resets = jnp.asarray(resets)
    if resets.dtype != jnp.bool_:
        raise TypeError(f"unroll: resets must be bool, got {resets.dtype}")
    if resets.shape != xs.shape[:-1]:
        raise ValueError(
            f"unroll: resets must be [T, *B] = {xs.shape[:-1]} as xs, got {resets.shape}"
        )
    if not reverse:
        return resets
    # Backwards, the border between t and t + 1 is met before x_t, not before x_{t+1}.
    return jnp.concatenate([resets[1:], jnp.zeros_like(resets[:1])])


def _valid(lengths, steps, batch):
    """`[T, *B]`, true before the end of each sequence."""
    if not isinstance(lengths, jax.core.Tracer):
        known = np.asarray(lengths)
        if known.size and (known.min() < 0 or known.max() > steps):
            raise ValueError(
                f"unroll: lengths must be in 0..{steps}, the steps of xs; got "
                f"{known.min()} to {known.max()}"
            )
    lengths = jnp.asarray(lengths)
    if not jnp.issubdtype(lengths.dtype, jnp.integer):
        raise TypeError(f"unroll: lengths must be integers, got {lengths.dtype}")
    if lengths.shape != batch:
        raise ValueError(f"unroll: lengths must be [*B] = {batch}, got {lengths.shape}")
    return jnp.arange(steps).reshape(steps, *(1 for _ in batch)) < lengths


def _check_state(cell, params, state, batch):
    """Refuse a state that the loop could not carry."""
    wanted = jax.eval_shape(lambda: cell.initial_state(params, batch))
    structures: list[Any] = [jax.tree.structure(tree) for tree in (state, wanted)]
    if structures[0] != structures[1]:
        raise TypeError(
            f"unroll: state must be a {structures[1]} as that of cell.initial_state, "
            f"got {structures[0]}"
        )
    for have, want in zip(jax.tree.leaves(state), jax.tree.leaves(wanted), strict=True):
        if jnp.shape(have) != want.shape:
            raise ValueError(
                f"unroll: a leaf of state is {jnp.shape(have)} where xs and params make "
                f"it {want.shape}; is it of another batch?"
            )
        if jnp.result_type(have) != want.dtype:
            raise TypeError(
                f"unroll: a leaf of state is {jnp.result_type(have)} where params make it "
                f"{want.dtype}; cast the state or the parameters"
            )
