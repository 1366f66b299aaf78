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
    _check(needed, f"training batches of {train.batch} sequences", "--train.batch", train.batch)
    size = train.eval_batch // train.eval_microbatches
    needed = _bytes_of(benchmark, network, benchmark.validation, size, gradients=False)
    _check(needed, f"evaluations of {size} sequences at once", "--train.eval_batch", size)


def _check(needed: int, name: str, flag: str, size: int) -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > memory:
        most = size * memory // needed
        fits = f"at most {flag}={most}" if most else "not even one of them"
        raise UsageError(
            f"{name} need more than {needed / 2**30:,.0f} GiB, and the machine has "
            f"{memory / 2**30:,.0f}: {fits} fits, or choose shorter sequences or a smaller "
            f"--model.hidden"
        )


def _bytes_of(
    benchmark: Benchmark,
    network: Network,
    data: Data,
    batch_size: int,
    gradients: bool = True,
) -> int:
    """Lower bound on the memory of a step: inputs, states, their gradients, outputs."""

    def run(arrays, key):
        batch = data.draw(arrays, key, jnp.int32(0), batch_size)
        params = network.init(key)
        outputs, _ = network.apply(params, batch, None, None)
        sites = network.sites(params, batch, benchmark.loss).values()
        return outputs, [(site.xs, _state_of(site)) for site in sites]

    outputs, sites = jax.eval_shape(run, data.arrays, jax.random.key(0))
    copies = 2 if gradients else 1
    total = _size(outputs)
    for xs, state in sites:
        total += _size(xs) + copies * xs.shape[0] * _size(state)
    return total


def _state_of(site: Site) -> Any:
    return site.cell.initial_state(site.params, site.xs.shape[1:-1])


def _size(tree: Any) -> int:
    return sum(math.prod(x.shape) * x.dtype.itemsize for x in jax.tree.leaves(tree))
