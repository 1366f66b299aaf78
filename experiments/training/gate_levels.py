# SPDX-License-Identifier: Apache-2.0
"""Where the gates of a model stand on a benchmark, in a few numbers, as training goes."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from experiments.benchmarks.base import Benchmark
from experiments.networks.sequence import Network
from experiments.training.lag_curves import by_leaf
from experiments.training.trainer import keys_of
from recur import flow


SEQUENCES = 4
"""Means over so many held-out sequences, all steps and all units hardly move with more."""

LEVELS = "mean", "closed", "open"
"""Of a gate: its mean, and how often it is below 0.1 and above 0.9."""

Levels = dict[str, dict[str, jax.Array]]
"""Quantity -> gate or leaf of the state -> number."""


def make_levels(
    network: Network, benchmark: Benchmark
) -> Callable[[Any, jax.Array], Levels]:
    """What is known of gates and of the memory that they imply.

    Returns:
      `(params, seed) -> {"gates": {gate: [3], LEVELS}, "time_constant": {leaf: steps},
      "half_life": {leaf: steps}}`. With f what a unit keeps of itself at a step, all gates
      held fixed, a time constant is the median over units of 1 / (1 - mean f), a half-life
      that of ln 2 / -mean ln f. Quantities that a cell does not have are empty.
    """

    def levels(params, seed):
        model = network.bind(params)
        batch = benchmark.batch(keys_of(seed).flow, SEQUENCES)
        xs = model.cell_inputs(batch.inputs)
        found = flow.gates(model.cell, model.cell_params(), xs)
        kept = by_leaf(found.retention)
        return {
            "gates": {name: _level(values) for name, values in found.values.items()},
            "time_constant": {n: _time_constant(f) for n, f in kept.items()},
            "half_life": {n: jnp.median(flow.memory_horizon(f)) for n, f in kept.items()},
        }

    return levels


def _level(values: jax.Array) -> jax.Array:
    closed, opened = flow.saturation(values)
    return jnp.stack([values.mean(), closed.mean(), opened.mean()])


def _time_constant(kept: jax.Array) -> jax.Array:
    by_unit = kept.reshape(-1, kept.shape[-1]).mean(0)
    return jnp.median(flow.time_constant(by_unit))
