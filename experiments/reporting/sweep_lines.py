# SPDX-License-Identifier: Apache-2.0
"""Read the runs of a sweep, and find how far each cell gets.

The excess of a cell is its loss above the optimum, over that of the best predictor without
memory. A cell solves a task where the excess of every seed is at most a tenth. Its horizon
is the largest value up to which it solves every one.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.reporting.summary_file import by_cell, read_summary, reported_loss
from experiments.runs.names import SUMMARY


SOLVED = 0.1
"""Largest excess of a solved task."""

EXCESS = "excess"


class Line(NamedTuple):
    """A cell, at fixed values of other settings, over the values of the first setting.

    Attributes:
      name: the cell, and the values of other settings.
      values: `[N]` values of the setting.
      results: for each value, the results of all seeds.
      summaries: for each value, the content of summary.json.
    """

    name: str
    values: list[Any]
    results: list[list[dict[str, Any]]]
    summaries: list[Mapping[str, Any]]


def read_lines(path: Path, points: Sequence[str]) -> list[Line]:
    """A line for each cell and each combination of the other settings."""
    found: dict[str, Line] = {}
    for point in points:
        summary = read_summary(path / point / SUMMARY)
        first, *others = point.split(",")
        value = _number(first.split("=")[1])
        for cell, results in by_cell(summary).items():
            name = ", ".join([cell, *others])
            line = found.setdefault(name, Line(name, [], [], []))
            line.values.append(value)
            line.results.append(results)
            line.summaries.append(summary)
    return list(found.values())


def _number(text: str) -> float | int | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def excess(result: Mapping[str, Any], summary: Mapping[str, Any]) -> float:
    """Loss above the optimum, over that without memory; NaN where training failed."""
    optimum = summary["optimum"]
    loss = reported_loss(summary, result)
    return float((loss - optimum) / (summary["baseline"] - optimum))


def horizon(line: Line) -> Any:
    """The largest value up to which every task is solved; None if the first is not."""
    reached = None
    order = sorted(range(len(line.values)), key=lambda i: line.values[i])
    for index in order:
        summary = line.summaries[index]
        if not all(excess(r, summary) <= SOLVED for r in line.results[index]):
            break
        reached = line.values[index]
    return reached


def values_of(line: Line, index: int, metric: str) -> list[float]:
    """The values of every seed."""
    results = line.results[index]
    if metric == EXCESS:
        return [excess(result, line.summaries[index]) for result in results]
    return [np.nan if r[metric] is None else float(r[metric]) for r in results]
