# SPDX-License-Identifier: Apache-2.0
"""Check that a run fits: its batches in memory, its streams in the data."""

import math
import os
from typing import Any

import jax
import jax.numpy as jnp

from experiments.benchmarks.base import Benchmark, Data
from experiments.config.errors import UsageError
from experiments.config.settings import Train
from experiments.networks.base import Network, Site


def check_resources(benchmark: Benchmark, network: Network, train: Train) -> None:
    """Refuse a run that ends in a failed allocation or a text that is too short.

    Raises:
      UsageError: gives the sizes that fit.
    """
    try:
        needed = _bytes_of(benchmark, network, benchmark.train, train.batch)
    except ValueError as error:
        raise UsageError(f"--train.batch={train.batch}: {error}") from None
    _check(f"training batches of --train.batch={train.batch} sequences", *needed)
    size = train.eval_batch // train.eval_microbatches
    needed = _bytes_of(benchmark, network, benchmark.validation, size, gradients=False)
    _check(f"evaluations of {size} sequences at once (--train.eval_batch)", *needed)


def _check(name: str, needed: int, steps: int) -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > memory:
        raise UsageError(
            f"{name} of {steps:,} steps need more than {needed / 2**30:,.0f} GiB, and the "
            f"machine has {memory / 2**30:,.0f}: at most {steps * memory // needed:,} "
            f"steps fit, or a smaller batch or --model.hidden"
        )


def _bytes_of(
    benchmark: Benchmark,
    network: Network,
    data: Data,
    batch_size: int,
    gradients: bool = True,
) -> tuple[int, int]:
    """Lower bound on the memory of a step, and the time steps of its longest sequence.

    It counts inputs and states of every recurrence, their gradients, and outputs.
    """

    def run(arrays, key):
        batch = data.draw(arrays, key, jnp.int32(0), batch_size)
        params = network.init(key)
        outputs, _ = network.apply(params, batch, None, None)
        sites = network.sites(params, batch, benchmark.loss).values()
        return outputs, [(site.xs, _state_of(site)) for site in sites]

    outputs, sites = jax.eval_shape(run, data.arrays, jax.random.key(0))
    copies = 2 if gradients else 1
    total = _size(outputs) + sum(
        _size(xs) + copies * len(xs) * _size(state) for xs, state in sites
    )
    return total, max(len(xs) for xs, _ in sites)


def _state_of(site: Site) -> Any:
    return site.cell.initial_state(site.params, site.xs.shape[1:-1])


def _size(tree: Any) -> int:
    return sum(math.prod(x.shape) * x.dtype.itemsize for x in jax.tree.leaves(tree))
