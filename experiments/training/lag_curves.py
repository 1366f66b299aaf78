# SPDX-License-Identifier: Apache-2.0
"""Lag curves of a model on a benchmark: how far back the last loss is felt."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from experiments.benchmarks.base import Benchmark
from experiments.networks.sequence import Network
from experiments.training.trainer import keys_of
from recur import flow


Curves = Mapping[str, Mapping[str, Mapping[str, np.ndarray]]]
"""cell -> phase -> leaf of the state -> `[S, T]` log10 norms by lag."""


def make_curves(
    network: Network, benchmark: Benchmark, batch_size: int
) -> Callable[[Any, jax.Array], dict[str, jax.Array]]:
    """Lag curves of the task's loss at the last time step alone.

    The loss is summed over the batch, so that each sequence has the derivative of its
    own loss; the sequences are held out, and the same at every call.

    Returns:
      `(params, seed) -> {leaf of the state: [T] log10 norms by lag}`.
    """

    def curves(params, seed):
        model = network.bind(params)
        batch = benchmark.batch(keys_of(seed).flow, batch_size)

        def last_loss(states):
            logits = model.logits(output(states)[-1])
            return benchmark.loss(logits, batch.targets[-1]).sum()

        return by_leaf(
            flow.lag_curve(
                model.cell,
                model.cell_params(),
                model.cell_inputs(batch.inputs),
                last_loss,
            )
        )

    return curves


def output(state: Any) -> jax.Array:
    """The leaf of a state that is the output of its cell: by contract, the first."""
    return jax.tree.leaves(state)[0]


def by_leaf(state: Any) -> dict[str, jax.Array]:
    """The leaves of a state by name; the first, the output, is always called h."""
    (_, first), *others = jax.tree.leaves_with_path(state)
    name = jax.tree_util.keystr
    return {"h": first, **{name(p, simple=True, separator="."): x for p, x in others}}


def leaves_of(curves: Curves) -> list[str]:
    """The leaves of all states, h first."""
    phases = [leaves for phases in curves.values() for leaves in phases.values()]
    return list(dict.fromkeys(["h", *(leaf for leaves in phases for leaf in leaves)]))


def table(curves: Curves) -> tuple[list[str], Iterator[tuple[str | int, ...]]]:
    """Head and lines of `gradient_flow.csv`.

    A norm is `-inf` where the gradient is exactly zero, and empty where the cell has no
    such state.
    """
    leaves = leaves_of(curves)

    def lines():
        for cell, phases in curves.items():
            for phase, found in phases.items():
                seeds, steps = found["h"].shape
                for seed, lag in itertools.product(range(seeds), range(steps)):
                    norms = [
                        f"{found[leaf][seed, lag]:.6f}" if leaf in found else ""
                        for leaf in leaves
                    ]
                    yield cell, seed, phase, lag, *norms

    return ["cell", "seed", "phase", "lag", *(f"log10_norm_{x}" for x in leaves)], lines()
