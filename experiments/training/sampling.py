# SPDX-License-Identifier: Apache-2.0
"""Samples of a language model while training, in rows of samples.jsonl."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from experiments.benchmarks.base import Benchmark
from experiments.networks.base import Decoding, Network
from experiments.networks.generation import as_text
from experiments.runs.journal import Journal
from experiments.training.callbacks import PeriodicRecorder


LENGTH = 200
"""Symbols in a sample."""


def sample_recorder(
    cell: str, every: int, text: Callable[[Any], str], journal: Journal
) -> PeriodicRecorder:
    """The callback that keeps a sample of seed 0.

    Args:
      cell: name of the cell.
      every: interval [steps].
      text: `params -> str`, as `make_sampler` returns it.
      journal: where the samples go.
    """

    def write(step, states):
        first = jax.tree.map(lambda leaf: leaf[0], states.params)
        row = {"cell": cell, "seed": 0, "step": step, "text": text(first)}
        journal.append([row])
        return 0.0

    return PeriodicRecorder(cell, every, write, journal)


def make_sampler(network: Network, benchmark: Benchmark) -> Callable[[Any], str] | None:
    """`params -> text`, with the same key each time; None if the network cannot write."""
    decode = network.decode
    if decode is None:
        return None
    config = Decoding(length=min(LENGTH, 50 * benchmark.steps))

    @jax.jit
    def ids(params):
        prompt = jnp.zeros((1, 1), jnp.int32)
        return decode(params, prompt, jax.random.key(0), config).ids[:, 0]

    return lambda params: as_text(ids(params).tolist(), benchmark.vocabulary)
