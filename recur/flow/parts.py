# SPDX-License-Identifier: Apache-2.0
"""Adjoints taken apart: what is direct and what comes back, by path, by gate, by layer."""

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
    """An adjoint and what it is made of; every one a `ScaledAdjoints` by step.

    Attributes:
      total: dL/ds_t, all in all.
      direct: what acts on s_t itself, all later states held fixed.
      recurrent: what comes back from s_{t+1}; direct + recurrent = total.
      paths: path -> its part of `recurrent`; they add up to it.
      gates: name -> dL/dv_t, of the values that are named in a step, as pre-activations.
      inputs: dL/dx_t, where the inputs are one array.
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
    """`scaled_adjoints`, taken apart.

    Args:
      cell: any cell, with inputs that are one array.
      params: its parameters.
      xs: `[T, *B, I]` inputs.
      loss: `states -> scalar`, as in `adjoints`.
      state: the state before the first step; `cell.initial_state` if None.
      through: the paths on which gradient may go; None is all of them.

    Returns:
      `(value, states, parts)`.

    Raises:
      ValueError: as `scaled_adjoints`.
    """
    run = trajectory(cell, params, xs, state)
    value, direct = direct_adjoints(loss, run.states)
    scaled = rescale(direct, xs.shape[:-1])
    return value, run.states, take_apart(cell, params, xs, run, scaled, through)


def stack_parts(
    cells: Sequence[Cell],
    params: Sequence[Params],
    xs: jax.Array,
    loss: Callable[[tuple[State, ...]], jax.Array],
    states: Sequence[State | None] | None = None,
) -> tuple[jax.Array, tuple[State, ...], tuple[Parts, ...]]:
    """`parts` of every layer of a stack, in which each reads the h of the one below.

    What is direct for a layer is all that leaves it upwards: to the loss, and to the
    layers above at the same and at later steps.

    Args:
      cells: from the bottom up.
      params: theirs.
      xs: `[T, *B, I]` inputs of the first.
      loss: `(states of each layer) -> scalar`.
      states: before the first step, of each layer.

    Returns:
      `(value, states of each layer, parts of each layer)`.
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
        here = take_apart(cells[layer], params[layer], inputs[layer], runs[layer], direct)
        found.insert(0, here)
    return value, tuple(run.states for run in runs), tuple(found)


def take_apart(
    cell: Cell,
    params: Params,
    xs: jax.Array,
    run: Trajectory,
    direct: ScaledAdjoints,
    through: Collection[str] | None = None,
) -> Parts:
    """The parts of the adjoints of a trajectory, from the direct ones `[T, *B, ...]`."""
    total = pull_back(cell, params, run, direct, through)
    first = jax.tree.map(lambda leaf: leaf[0], run.before)
    paths = paths_of(cell, params, first, run.us)
    one = jax.tree.map(lambda leaf: leaf[0], run.us)
    blank = jax.tree.map(jnp.zeros_like, paths.values(params, first, one))

    def pull(step):
        before, u, total = step
        copies = dict.fromkeys(paths.names, before)
        _, back = jax.vjp(lambda *parts: paths.step(params, *parts), copies, u, blank)
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
    """What step t hands back belongs to s_{t-1}; nothing comes back to the last state."""
    mantissa = jax.tree.map(
        lambda leaf: jnp.concatenate([leaf[1:], jnp.zeros_like(leaf[:1])]), scaled.mantissa
    )
    absent = jnp.full_like(scaled.exponent[:1], ABSENT)
    return ScaledAdjoints(mantissa, jnp.concatenate([scaled.exponent[1:], absent]))


def _into_h(inputs, states):
    """An adjoint of the first leaf of a state as one of the state."""
    h, *others = jax.tree.leaves(states)
    leaves = [inputs.mantissa.astype(h.dtype), *map(jnp.zeros_like, others)]
    mantissa = jax.tree.unflatten(jax.tree.structure(states), leaves)
    return ScaledAdjoints(mantissa, inputs.exponent)
