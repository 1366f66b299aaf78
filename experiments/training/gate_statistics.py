# SPDX-License-Identifier: Apache-2.0
"""Statistics of the gates of a network on a benchmark, recorded while training."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from experiments.benchmarks.base import Benchmark
from experiments.networks.base import Network, Site
from experiments.training.lag_curves import by_leaf, flow_batch, labelled
from recur import flow


SEQUENCES = 4
"""Sequences in a statistic: means over all steps and units hardly change with more."""

STATISTICS = "mean", "closed", "open"
"""The mean of a gate, and the shares of its values below 0.1 and above 0.9."""

GateStatistics = dict[str, dict[str, jax.Array]]
"""Quantity -> name of a gate or state -> number."""


def make_gate_statistics(
    network: Network, benchmark: Benchmark
) -> Callable[..., GateStatistics]:
    """Statistics of gates, and of the memory that they imply.

    With f the fraction of itself that a unit keeps in a step, all gates held fixed, a time
    constant is the median over units of 1 / (1 - mean f), a half-life that of
    ln 2 / -mean ln f, both in steps.

    Returns:
      `(arrays, params, seed) -> {"gates": {gate: [3], STATISTICS}, "time_constant":
      {state: steps}, "half_life": {state: steps}}`, names as `labelled` gives them.
    """

    def statistics(arrays, params, seed):
        batch = flow_batch(benchmark, arrays, seed, SEQUENCES)
        sites = network.sites(params, batch, benchmark.loss)
        found = {name: _of_site(site) for name, site in sites.items()}
        return {
            quantity: labelled({name: each[quantity] for name, each in found.items()})
            for quantity in ("gates", "time_constant", "half_life")
        }

    return statistics


def _of_site(site: Site) -> Mapping[str, Mapping[str, jax.Array]]:
    found, valid = flow.gates(site.cell, site.params, site.xs), site.valid
    kept = by_leaf(found.retention)
    half_life = lambda f: jnp.median(flow.retention_half_life(f, valid))
    return {
        "gates": {name: _statistics(v, valid) for name, v in found.values.items()},
        "time_constant": {name: _time_constant(f, valid) for name, f in kept.items()},
        "half_life": {name: half_life(f) for name, f in kept.items()},
    }


def _statistics(values: jax.Array, valid: jax.Array | None) -> jax.Array:
    where = None if valid is None else valid[..., None]
    closed, opened = flow.saturation(values, valid)
    return jnp.stack([values.mean(where=where), closed.mean(), opened.mean()])


def _time_constant(kept: jax.Array, valid: jax.Array | None) -> jax.Array:
    where = None if valid is None else valid[..., None]
    return jnp.median(flow.time_constant(kept.mean((0, 1), where=where)))
