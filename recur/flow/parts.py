# SPDX-License-Identifier: Apache-2.0
"""Adjoints split into a direct and a recurrent part, by path, by gate and by layer."""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur.cell import Cell, Params, State
from recur.flow.adjoint import (
    Loss,
    Trajectory,
    direct_adjoints,
    pull_back,
    trajectory,
)
from recur.flow.paths import paths_of
from recur.flow.scaled import ABSENT, ScaledAdjoints, add, rescale, shift


class Parts(NamedTuple):
    """An adjoint and its parts, each a `ScaledAdjoints` with a leading T.

    Attributes:
      total: dL/ds_t.
      direct: the derivative by s_t, other states held fixed.
      recurrent: the gradient from s_{t+1}; direct + recurrent = total.
      paths: path -> its part of `recurrent`; they add up to `recurrent`.
      gates: name -> dL/dv_t, where v is a named value such as the input of a gate.
      inputs: dL/dx_t.
    """

    total: ScaledAdjoints
    direct: ScaledAdjoints
    recurrent: ScaledAdjoints
    paths: dict[str, ScaledAdjoints]
    gates: dict[str, ScaledAdjoints]
    inputs: ScaledAdjoints


def parts(
    cell: Cell,
    params: Params,
    xs: jax.Array,
    loss: Loss,
    state: State | None = None,
    through: Collection[str] | None = None,
) -> tuple[jax.Array, State, Parts]:
    """Compute `scaled_adjoints` and split them.

    Args:
      cell: any cell whose inputs are one array, so not a `masked` one.
      params: its parameters.
      xs: `[T, *B, I]` inputs.
      loss: `states -> scalar`, as in `adjoints`.
      state: the state before the first step; `cell.initial_state` if None.
      through: names of the paths that gradient may take; None is all.

    Returns:
      `(value, states, parts)`.

    Raises:
      ValueError: as `scaled_adjoints`.
    """
    run = trajectory(cell, params, xs, state)
    value, direct = direct_adjoints(loss, run.states)
    scaled = rescale(direct, xs.shape[:-1])
    return value, run.states, split_adjoints(cell, params, xs, run, scaled, through)


def stack_parts(
    cells: Sequence[Cell],
    params: Sequence[Params],
    xs: jax.Array,
    loss: Callable[[tuple[State, ...]], jax.Array],
    states: Sequence[State | None] | None = None,
) -> tuple[jax.Array, tuple[State, ...], tuple[Parts, ...]]:
    """Compute `parts` of every layer of a stack, where each layer reads h of the one below.

    The direct part of a layer is the gradient through everything above it: the loss, and
    the layers above at the same and at later steps.

    Args:
      cells: from the input upwards.
      params: of each layer.
      xs: `[T, *B, I]` inputs of the first layer.
      loss: `(states of each layer) -> scalar`.
      states: of each layer before the first step; `cell.initial_state` for None.

    Returns:
      `(value, states of each layer, parts of each layer)`.

    Raises:
      ValueError: as `parts`.
    """
    runs, inputs = [], [xs]
    for cell, weights, state in zip(cells, params, states or [None] * len(cells), strict=True):
        runs.append(trajectory(cell, weights, inputs[-1], state))
        inputs.append(jax.tree.leaves(runs[-1].states)[0])
    value, directs = direct_adjoints(loss, tuple(run.states for run in runs))
    found: list[Parts] = []
    for layer in reversed(range(len(cells))):
        direct = rescale(directs[layer], xs.shape[:-1])
        if found:
            direct = add(direct, _into_h(found[0].inputs, runs[layer].states))
        here = split_adjoints(cells[layer], params[layer], inputs[layer], runs[layer], direct)
        found.insert(0, here)
    return value, tuple(run.states for run in runs), tuple(found)


def split_adjoints(
    cell: Cell,
    params: Params,
    xs: jax.Array,
    run: Trajectory,
    direct: ScaledAdjoints,
    through: Collection[str] | None = None,
) -> Parts:
    """Compute total adjoints from direct ones and split them.

    Args:
      cell, params, xs: the cell, its parameters and inputs.
      run: its forward pass.
      direct: derivatives by each state `[T, *B, ...]`, other states held fixed.
      through: names of the paths that gradient may take; None is all.
    """
    total = pull_back(cell, params, run, direct, through)
    first = jax.tree.map(lambda leaf: leaf[0], run.before)
    paths = paths_of(cell, params, first, run.us)
    u = jax.tree.map(lambda leaf: leaf[0], run.us)
    probes = jax.tree.map(jnp.zeros_like, paths.values(params, first, u))

    def pull(step):
        before, u, total = step
        copies = dict.fromkeys(paths.names, before)
        _, back = jax.vjp(lambda *given: paths.step(params, *given), copies, u, probes)
        by_path, du, by_gate = back(total.mantissa)

        def scaled(tree):
            return shift(rescale(tree, xs.shape[1:-1]), total.exponent)

        kept = {name: by_path[name] for name in (paths.names if through is None else through)}
        none = jax.tree.map(jnp.zeros_like, before)
        whole = jax.tree.map(lambda *leaves: sum(leaves), none, *kept.values())
        each = {name: scaled(tree) for name, tree in kept.items()}
        gates = {name: scaled(value) for name, value in by_gate.items()}
        return scaled(whole), each, gates, du

    recurrent, each, gates, dus = jax.lax.map(pull, (run.before, run.us, total))
    _, into_inputs = jax.vjp(lambda xs: cell.project(params, xs), xs)
    return Parts(
        total=total,
        direct=direct,
        recurrent=_one_step_earlier(recurrent),
        paths={name: _one_step_earlier(tree) for name, tree in each.items()},
        gates=gates,
        inputs=shift(rescale(into_inputs(dus)[0], xs.shape[:-1]), total.exponent),
    )


def _one_step_earlier(scaled):
    """Shift by one step: the pullback of step t is a gradient by s_{t-1}."""
    mantissa = jax.tree.map(
        lambda leaf: jnp.concatenate([leaf[1:], jnp.zeros_like(leaf[:1])]), scaled.mantissa
    )
    absent = jnp.full_like(scaled.exponent[:1], ABSENT)
    return ScaledAdjoints(mantissa, jnp.concatenate([scaled.exponent[1:], absent]))


def _into_h(inputs, states):
    """Extend an adjoint of h, the first leaf, to the whole state by zeros."""
    h, *others = jax.tree.leaves(states)
    leaves = [inputs.mantissa.astype(h.dtype), *map(jnp.zeros_like, others)]
    mantissa = jax.tree.unflatten(jax.tree.structure(states), leaves)
    return ScaledAdjoints(mantissa, inputs.exponent)
