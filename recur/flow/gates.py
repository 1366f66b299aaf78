# SPDX-License-Identifier: Apache-2.0
"""Gate values, their saturation, and how long units retain their state."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur.cell import Cell, Params, State
from recur.flow.adjoint import trajectory
from recur.flow.paths import CARRY, paths_of


SATURATED = 0.1
"""The distance from 0 or 1 below which a gate is saturated (Karpathy, Johnson & Fei-Fei,
2016)."""


class Gates(NamedTuple):
    """Gates over time.

    Attributes:
      values: name -> `[T, *B, H]` in (0, 1), the sigmoid of each named value that has one.
      retention: the state's pytree of `[T, *B, H]`, the share of each unit that is kept:
        d s_t[i] / d s_{t-1}[i] with all named values held fixed.
    """

    values: dict[str, jax.Array]
    retention: State


def gates(cell: Cell, params: Params, xs: jax.Array, state: State | None = None) -> Gates:
    """Run a cell and record its gates.

    Args:
      cell: any cell; `values` is empty for a cell without names.
      params: its parameters.
      xs: `[T, *B, I]` inputs.
      state: the state before the first step; `cell.initial_state` if None.

    Raises:
      ValueError: `xs` does not fit `params`.
    """
    run = trajectory(cell, params, xs, state)
    first = jax.tree.map(lambda leaf: leaf[0], run.before)
    paths = paths_of(cell, params, first, run.us)

    def record(before, u):
        found = paths.squashed(params, before, u)
        values = {k: v for k, v in found.items() if paths.squash[k] == "logistic"}
        return values, _retention(paths, params, before, u)

    return Gates(*jax.lax.map(lambda x: record(*x), (run.before, run.us)))


def _retention(paths, params, before, u):
    """Compute the diagonal of the Jacobian on the path `carry`, elementwise in each leaf."""
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


def saturation(
    values: jax.Array, where: jax.Array | None = None
) -> tuple[jax.Array, jax.Array]:
    """Compute the shares of time and batch in which a gate is closed, and is open.

    Args:
      values: `[T, *B, H]` in (0, 1), as in `Gates`.
      where: `[T, *B]` bool, the valid steps; None is all.

    Returns:
      `(closed [H], open [H])`: values below `SATURATED`, and above 1 - `SATURATED`.
    """
    return (
        _mean_by_unit(values < SATURATED, where),
        _mean_by_unit(values > 1 - SATURATED, where),
    )


def time_constant(retention: jax.Array) -> jax.Array:
    """Compute 1 / (1 - f) [steps] of a retention f; inf where f >= 1."""
    return jnp.where(retention < 1, 1 / (1 - jnp.minimum(retention, 1)), jnp.inf)


def retention_half_life(
    retention: jax.Array, where: jax.Array | None = None
) -> jax.Array:
    """Compute the steps after which half of a unit is left: ln 2 / -mean ln |f|.

    Args:
      retention: f `[T, *B, H]`, a leaf of `Gates.retention`; the mean is over T and *B.
      where: `[T, *B]` bool, the valid steps; None is all.

    Returns:
      `[H]` steps; 0 where nothing is kept, inf where nothing is lost.
    """
    logs = _mean_by_unit(jnp.log(jnp.abs(retention)), where)
    return jnp.where(logs < 0, math.log(2) / -logs, jnp.inf)


def _mean_by_unit(values, where):
    """Mean of `[T, *B, H]` over the valid steps of time and batch, `[H]`."""
    flat = values.reshape(-1, values.shape[-1])
    return flat.mean(0) if where is None else flat.mean(0, where=where.reshape(-1, 1))


def by_symbol(
    values: jax.Array, symbols: jax.Array, count: int
) -> tuple[jax.Array, jax.Array]:
    """Average a gate over the steps at which each symbol is read.

    Args:
      values: `[T, *B, H]`.
      symbols: `[T, *B]` int, 0 to count - 1.
      count: the number of symbols.

    Returns:
      `(means [count, H], occurrences [count])`; the mean of a symbol that does not
      occur is NaN.
    """
    flat, rows = values.reshape(-1, values.shape[-1]), symbols.reshape(-1)
    occurrences = jnp.zeros(count, flat.dtype).at[rows].add(1)
    sums = jnp.zeros((count, flat.shape[-1]), flat.dtype).at[rows].add(flat)
    counts = occurrences[:, None]
    return jnp.where(counts > 0, sums / counts, jnp.nan), occurrences
