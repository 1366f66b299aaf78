# SPDX-License-Identifier: Apache-2.0
"""Record gradient flow and gates while training, in rows of gradient_flow.jsonl.

    python -m experiments --train.flow_every=50
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from experiments.runs.journal import Journal, Row
from experiments.training.callbacks import PeriodicRecorder


Measured = Mapping[str, Mapping[str, np.ndarray]]
"""Quantity -> name -> `[S, ...]`."""


def flow_recorder(
    cell: str, every: int, measure: Callable[[Any], Measured], journal: Journal
) -> PeriodicRecorder:
    """The callback that records gradient flow.

    Args:
      cell: name of the cell.
      every: interval [steps].
      measure: `states -> {quantity: {name: [S, ...]}}`, lag curves and gate statistics.
      journal: where the rows go.
    """

    def write(step, states):
        began = time.monotonic()
        measured = measure(states)
        computing = time.monotonic() - began
        journal.append(_rows(cell, step, measured))
        return computing

    return PeriodicRecorder(cell, every, write, journal)


class Recorded(NamedTuple):
    """The records of one quantity of a cell.

    Attributes:
      steps: `[N]` updates made.
      curves: name -> `[S, N, ...]`, such as log10 norms by lag `[S, N, T]`.
    """

    steps: np.ndarray
    curves: dict[str, np.ndarray]


def recorded(
    journal: Journal, cell: str, quantity: str = "log10_norm", null: float = -np.inf
) -> Recorded:
    """Read the records of a cell, at the steps that every seed has.

    Args:
      journal: where the rows are.
      cell: name of the cell.
      quantity: the quantity.
      null: the number that null stands for; JSON has none for log 0 and infinity.
    """
    rows = [row for row in journal.read() if row["cell"] == cell and quantity in row]
    seeds = sorted({row["seed"] for row in rows})
    steps = sorted({row["step"] for row in rows})
    found = {(row["seed"], row["step"]): row[quantity] for row in rows}
    whole = [step for step in steps if all((seed, step) in found for seed in seeds)]
    names = rows[0][quantity] if rows else ()
    curves = {
        name: np.array([[_floats(found[s, t][name], null) for t in whole] for s in seeds])
        for name in names
    }
    return Recorded(np.array(whole), curves)


def _rows(cell: str, step: int, measured: Measured) -> Iterator[Row]:
    (first, *_) = measured["log10_norm"].values()
    for seed in range(len(first)):
        values = {
            quantity: {name: _numbers(values[seed]) for name, values in named.items()}
            for quantity, named in measured.items()
        }
        yield {"cell": cell, "seed": seed, "step": step, **values}


def _numbers(values: np.ndarray) -> Any:
    """Numbers for JSON, to six digits; null where infinite, "nan" where there is none."""
    if values.ndim:
        return [_numbers(value) for value in values]
    if np.isnan(values):
        return "nan"
    return round(float(values), 6) if np.isfinite(values) else None


def _floats(values: Any, null: float) -> Any:
    if isinstance(values, list):
        return [_floats(value, null) for value in values]
    return null if values is None else float(values)
