# SPDX-License-Identifier: Apache-2.0
"""Gradient flow as training goes: lag curves every so many updates, in rows of their own.

    python -m experiments --train.flow_every=50
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from experiments.journal import Journal, Row


class Recorder(NamedTuple):
    """What a cell needs to have its gradient flow recorded.

    Attributes:
      cell: its name.
      every: updates between two recordings; 0 is never.
      curves: `states -> {leaf: [S, T] log10 norms by lag}`.
      journal: where the rows go.
    """

    cell: str
    every: int
    curves: Callable[[Any], Mapping[str, np.ndarray]]
    journal: Journal

    def begin(self, step: int, states: Any) -> None:
        """Drop what an earlier process wrote past the step from which this one goes on."""
        if not self.every:
            return
        last = step or -1
        self.journal.keep(lambda row: row["cell"] != self.cell or row["step"] <= last)
        if step == 0:
            self.record(0, states)

    def record(self, step: int, states: Any) -> float:
        """Write down the curves of a step, if it is one to be recorded.

        Returns:
          The seconds it took to compute them.
        """
        if not self.every or step % self.every:
            return 0.0
        began = time.monotonic()
        curves = self.curves(states)
        computing = time.monotonic() - began
        self.journal.append(_rows(self.cell, step, curves))
        return computing


class Recorded(NamedTuple):
    """The recordings of one cell.

    Attributes:
      steps: `[N]` updates made.
      curves: leaf -> `[S, N, T]` log10 norms by lag.
    """

    steps: np.ndarray
    curves: dict[str, np.ndarray]


def recorded(journal: Journal, cell: str) -> Recorded | None:
    """What was recorded of a cell, where every seed has it; None if nothing was."""
    rows = [row for row in journal.read() if row["cell"] == cell]
    if not rows:
        return None
    seeds = sorted({row["seed"] for row in rows})
    steps = sorted({row["step"] for row in rows})
    found = {(row["seed"], row["step"]): row["log10_norm"] for row in rows}
    whole = [step for step in steps if all((seed, step) in found for seed in seeds)]
    curves = {
        leaf: np.array([[found[s, t][leaf] for t in whole] for s in seeds], float)
        for leaf in rows[0]["log10_norm"]
    }
    # An exact zero has no logarithm, and JSON no number for it.
    zeros = {leaf: np.where(np.isnan(c), -np.inf, c) for leaf, c in curves.items()}
    return Recorded(np.array(whole), zeros)


def _rows(cell: str, step: int, curves: Mapping[str, np.ndarray]) -> Iterator[Row]:
    for seed in range(len(next(iter(curves.values())))):
        norms = {
            leaf: [round(float(x), 6) if np.isfinite(x) else None for x in values[seed]]
            for leaf, values in curves.items()
        }
        yield {"cell": cell, "seed": seed, "step": step, "log10_norm": norms}
