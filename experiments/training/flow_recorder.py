# SPDX-License-Identifier: Apache-2.0
"""Gradient flow and gates as training goes: every so many updates, in rows of their own.

    python -m experiments --train.flow_every=50
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from experiments.runs.journal import Journal, Row


Measured = Mapping[str, Mapping[str, np.ndarray]]
"""Quantity -> name -> `[S, ...]`."""


class Recorder(NamedTuple):
    """What a cell needs to have its gradient flow recorded.

    Attributes:
      cell: its name.
      every: updates between two recordings.
      measure: `states -> {quantity: {name: [S, ...]}}`, of lag curves and gates.
      journal: where the rows go.
    """

    cell: str
    every: int
    measure: Callable[[Any], Measured]
    journal: Journal

    def begin(self, step: int, states: Any) -> None:
        """Drop what an earlier process wrote past the step from which this one goes on."""
        last = step or -1
        self.journal.keep(lambda row: row["cell"] != self.cell or row["step"] <= last)
        if step == 0:
            self.record(0, states)

    def record(self, step: int, states: Any) -> float:
        """Write down what is measured at a step, if it is one to be recorded.

        Returns:
          The seconds it took to compute them.
        """
        if step % self.every:
            return 0.0
        began = time.monotonic()
        measured = self.measure(states)
        computing = time.monotonic() - began
        self.journal.append(_rows(self.cell, step, measured))
        return computing


class Recorded(NamedTuple):
    """The recordings of one quantity of a cell.

    Attributes:
      steps: `[N]` updates made.
      curves: name -> `[S, N, ...]`, such as a leaf -> log10 norms by lag `[S, N, T]`.
    """

    steps: np.ndarray
    curves: dict[str, np.ndarray]


def recorded(
    journal: Journal, cell: str, quantity: str = "log10_norm", absent: float = -np.inf
) -> Recorded:
    """What was recorded of a cell, where every seed has it; of nothing there are no curves.

    Args:
      journal: where the rows are.
      cell: its name.
      quantity: of the row.
      absent: what a null stands for, since JSON has no number for it. An exact zero has no
        logarithm.
    """
    rows = [row for row in journal.read() if row["cell"] == cell and quantity in row]
    seeds = sorted({row["seed"] for row in rows})
    steps = sorted({row["step"] for row in rows})
    found = {(row["seed"], row["step"]): row[quantity] for row in rows}
    whole = [step for step in steps if all((seed, step) in found for seed in seeds)]
    names = rows[0][quantity] if rows else ()
    curves = {
        name: np.array([[found[s, t][name] for t in whole] for s in seeds], float)
        for name in names
    }
    filled = {name: np.where(np.isnan(c), absent, c) for name, c in curves.items()}
    return Recorded(np.array(whole), filled)


def _rows(cell: str, step: int, measured: Measured) -> Iterator[Row]:
    (first, *_) = measured["log10_norm"].values()
    for seed in range(len(first)):
        values = {
            quantity: {name: _numbers(of_seeds[seed]) for name, of_seeds in named.items()}
            for quantity, named in measured.items()
        }
        yield {"cell": cell, "seed": seed, "step": step, **values}


def _numbers(values: np.ndarray) -> Any:
    """As JSON has them, to six digits, null where not finite."""
    if values.ndim:
        return [_numbers(value) for value in values]
    return round(float(values), 6) if np.isfinite(values) else None
