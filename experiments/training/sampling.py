# SPDX-License-Identifier: Apache-2.0
"""What a language model writes as training goes: one JSON object a line in samples.jsonl."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from experiments.benchmarks.base import Benchmark
from experiments.networks.generation import Manner, write
from experiments.networks.sequence import Network
from experiments.runs.journal import Journal


LENGTH = 200
"""Symbols in a sample."""


class Scribe(NamedTuple):
    """What a cell needs to have its writing kept.

    Attributes:
      cell: its name.
      every: updates between two samples.
      text: `params -> str`, of one seed.
      journal: where samples go.
    """

    cell: str
    every: int
    text: Callable[[Any], str]
    journal: Journal

    def begin(self, step: int, states: Any) -> None:
        """Drop what an earlier process wrote past the step from which this one goes on."""
        last = step or -1
        self.journal.keep(lambda row: row["cell"] != self.cell or row["step"] <= last)
        if step == 0:
            self.record(0, states)

    def record(self, step: int, states: Any) -> float:
        """Keep a sample of this step, if it is one of those; it is no part of training."""
        if step % self.every == 0:
            first = jax.tree.map(lambda leaf: leaf[0], states.params)
            text = self.text(first)
            row = {"cell": self.cell, "seed": 0, "step": step, "text": text}
            self.journal.append([row])
        return 0.0


def writer(network: Network, benchmark: Benchmark) -> Callable[[Any], str]:
    """`params -> str`, the same draws each time, after the first symbol there is."""

    @jax.jit
    def ids(params):
        start = jnp.zeros(1, jnp.int32)
        manner = Manner(length=min(LENGTH, 50 * benchmark.steps))
        key = jax.random.key(0)
        return write(network, params, len(benchmark.symbols), start, key, manner)

    return lambda params: spelled(ids(params).tolist(), benchmark.symbols)


def spelled(ids: Sequence[int], symbols: Sequence[str]) -> str:
    """Ids as text."""
    return "".join(symbols[i] for i in ids)
