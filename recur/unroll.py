# SPDX-License-Identifier: Apache-2.0
"""Running a cell over a sequence: its ends, its borders, its direction, its loop."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from recur.cell import Cell, Params, State
from recur.wrappers import masked, resettable


class Run(Protocol):
    """What an engine does: project every step and run the loop.

    `xs` is what the `project` of the cell takes, which for a wrapped cell is a tuple.
    """

    def __call__(
        self, cell: Cell, params: Params, state: State, xs: Any, *, reverse: bool
    ) -> tuple[State, jax.Array]:
        """Return `(state, ys)` as `unroll` does."""


class Engine(NamedTuple):
    """A way to run the loop that knows the cell, where `jax.lax.scan` knows its step.

    Attributes:
      run: equal to the plain scan in values and in gradients.
    """

    run: Run


def unroll(
    cell: Cell,
    params: Params,
    xs: jax.Array,
    state: State | None = None,
    *,
    lengths: jax.typing.ArrayLike | None = None,
    resets: jax.typing.ArrayLike | None = None,
    reverse: bool = False,
    scan: Callable[..., Any] | Engine = jax.lax.scan,
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
      scan: the loop, any function with the signature of `jax.lax.scan`, or one of
        `recur.engines`.

    Returns:
      `(state, ys)`: the state after the last step taken, and outputs `[T, *B, H]`.

    Raises:
      ValueError: `xs` has no time axis or does not fit `params`; `state`, `lengths` or
        `resets` have another batch shape; a length is negative or beyond T (traced
        lengths cannot be looked at, and act as the nearest that is legal).
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
    if isinstance(scan, Engine):
        return scan.run(cell, params, state, inputs, reverse=reverse)
    us = cell.project(params, inputs)
    return scan(functools.partial(cell.step, params), state, us, reverse=reverse)


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
