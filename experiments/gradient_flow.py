# SPDX-License-Identifier: Apache-2.0
"""Lag curves of a model on a benchmark: how far back the last loss is felt."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from experiments.benchmark import Benchmark
from experiments.model import Network
from experiments.train import keys_of
from recur import flow


COLUMNS = ("cell", "seed", "phase", "lag", "log10_norm_h", "log10_norm_c")


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
            logits = model.readout(output(states)[-1])
            return benchmark.loss(logits, batch.targets[-1]).sum()

        return by_leaf(
            flow.lag_curve(model.cell, model.cell_params(), batch.inputs, last_loss)
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


def rows(
    cell: str, phase: str, curves: dict[str, np.ndarray]
) -> Iterator[tuple[str | int, ...]]:
    """Lines of `gradient_flow.csv` from curves `[seeds, T]`.

    The norm is `-inf` where the gradient is exactly zero, and empty where the cell has
    no such state.
    """
    seeds, steps = curves["h"].shape
    for seed in range(seeds):
        for lag in range(steps):
            norms = [
                f"{curves[leaf][seed, lag]:.6f}" if leaf in curves else ""
                for leaf in ("h", "c")
            ]
            yield cell, seed, phase, lag, *norms
