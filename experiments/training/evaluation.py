# SPDX-License-Identifier: Apache-2.0
"""Evaluation: sums and counts over a whole data set, then their ratio."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from experiments.benchmarks.base import Benchmark, Data
from experiments.config.settings import Train
from experiments.networks.base import Batch, Network, Terms


Measures = Mapping[str, Callable[[Any, Batch], Terms]]
"""Name -> `(outputs, batch) -> (sum, count)`."""

Evaluate = Callable[[Any, Any, jax.Array], dict[str, jax.Array]]
"""`(arrays of the set, params, key) -> {name: sum of sums / sum of counts}`."""

LOSS = "loss"
"""Name of the loss among the measures."""


def losses_and_metrics(benchmark: Benchmark) -> Measures:
    """The loss and all metrics of a benchmark."""
    metrics = {name: metric.terms for name, metric in benchmark.metrics.items()}
    return {LOSS: benchmark.loss, **metrics}


def make_evaluate(
    network: Network, data: Data, measures: Measures, train: Train
) -> Evaluate:
    """The evaluation of a network on a data set.

    A finite set is evaluated whole. Where data are ever new, an evaluation has
    `eval_batch` sequences, the same at every call with the same key.
    """
    size = train.eval_batch // train.eval_microbatches
    count = train.eval_microbatches if data.size is None else math.ceil(data.size / size)

    def evaluate(arrays, params, key):
        def terms(index):
            # One batch has the key itself: more of them are other sequences.
            mine = key if count == 1 else jax.random.fold_in(key, index)
            batch = data.draw(arrays, mine, index, size)
            outputs, _ = network.apply(params, batch, None, None)
            return {name: measure(outputs, batch) for name, measure in measures.items()}

        def add(index, total):
            return jax.tree.map(jnp.add, total, terms(index))

        total = terms(0)
        if count > 1:
            total = jax.lax.fori_loop(1, count, add, total)
        return {name: sums / counts for name, (sums, counts) in total.items()}

    return evaluate
