# SPDX-License-Identifier: Apache-2.0
"""What gates do: their values, how far they are saturated, how long they remember."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur.cell import Cell, Params, State
from recur.flow.adjoint import trajectory
from recur.flow.paths import CARRY, paths_of


SATURATED = 0.1
"""A sigmoid within this of 0 or 1, as Karpathy, Johnson & Fei-Fei (2016) count it."""


class Gates(NamedTuple):
    """Gates over time.

    Attributes:
      values: name -> `[T, *B, H]`, of every sigmoid of a named value, in (0, 1).
      retention: the state's pytree of `[T, *B, H]`, d s_t[i] / d s_{t-1}[i] with all
        named values held fixed: what is kept of each unit at a step.
    """

    values: dict[str, jax.Array]
    retention: State


def gates(cell: Cell, params: Params, xs: jax.Array, state: State | None = None) -> Gates:
    """Run a cell, and look at its gates.

    Args:
      cell: any cell; without names it has retention alone.
      params: its parameters.
      xs: `[T, *B, I]` inputs.
      state: the state before the first step; `cell.initial_state` if None.

    Raises:
      ValueError: `xs` does not fit.
    """
    run = trajectory(cell, params, xs, state)
    first = jax.tree.map(lambda leaf: leaf[0], run.before)
    paths = paths_of(cell, params, first, run.us)

    def look(before, u):
        found = paths.squashed(params, before, u)
        values = {k: v for k, v in found.items() if paths.squash[k] == "logistic"}
        return values, _retention(paths, params, before, u)

    return Gates(*jax.lax.map(lambda x: look(*x), (run.before, run.us)))


def _retention(paths, params, before, u):
    """The diagonal of the carried Jacobian, which is elementwise for each leaf."""
    copies = dict.fromkeys(paths.names, before)
    leaves, structure = jax.tree.flatten(before)

    def carried(leaf, index):
        moved = jax.tree.unflatten(structure, [*leaves[:index], leaf, *leaves[index + 1 :]])
        after = paths.step(params, {**copies, CARRY: moved}, u, {})
        return jax.tree.leaves(after)[index]

    kept = [
        jax.jvp(lambda leaf, i=i: carried(leaf, i), (leaf,), (jnp.ones_like(leaf),))[1]
        for i, leaf in enumerate(leaves)
    ]
    return jax.tree.unflatten(structure, kept)


def saturation(values: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The fractions of time and batch in which a gate is closed, and in which it is open.

    Args:
      values: `[T, *B, H]` in (0, 1).

    Returns:
      `(below SATURATED [H], above 1 - SATURATED [H])`.
    """
    flat = values.reshape(-1, values.shape[-1])
    return (flat < SATURATED).mean(0), (flat > 1 - SATURATED).mean(0)


def time_constant(retention: jax.Array) -> jax.Array:
    """1 / (1 - f) steps; inf where all is kept."""
    return jnp.where(retention < 1, 1 / (1 - jnp.minimum(retention, 1)), jnp.inf)


def retention_half_life(retention: jax.Array) -> jax.Array:
    """Steps after which half of a unit is left, ln 2 / -mean ln f over time and batch.

    Args:
      retention: `[T, *B, H]`.

    Returns:
      `[H]`; 0 where nothing is kept, inf where nothing is lost.
    """
    logs = jnp.log(jnp.abs(retention)).reshape(-1, retention.shape[-1]).mean(0)
    return jnp.where(logs < 0, math.log(2) / -logs, jnp.inf)


def by_symbol(
    values: jax.Array, symbols: jax.Array, count: int
) -> tuple[jax.Array, jax.Array]:
    """The mean of a gate over the steps at which each symbol is read.

    Args:
      values: `[T, *B, H]`.
      symbols: `[T, *B]` int, 0 to count - 1.
      count: how many symbols there are.

    Returns:
      `(means [count, H], how often each symbol is read [count])`; NaN for those that
      are not.
    """
    flat, of = values.reshape(-1, values.shape[-1]), symbols.reshape(-1)
    often = jnp.zeros(count, flat.dtype).at[of].add(1)
    sums = jnp.zeros((count, flat.shape[-1]), flat.dtype).at[of].add(flat)
    return jnp.where(often[:, None] > 0, sums / often[:, None], jnp.nan), often
