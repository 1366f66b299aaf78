# SPDX-License-Identifier: Apache-2.0
"""What a sweep shows: every result against the setting, and how far each cell gets.

A cell solves a task where every seed ends with at most a tenth of the loss, above the
least there is, of the best predictor without memory. Its horizon is the largest value up
to which it solves all.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.benchmarks.base import is_fraction
from experiments.reporting import page
from experiments.reporting.drawing import STYLE, band, colours, save, write_csv
from experiments.reporting.summary import spread
from experiments.runs import directory as runs
from experiments.runs.atomic import write_whole


SOLVED = 0.1
"""The share of the loss without memory that may be left."""


class Line(NamedTuple):
    """A cell, with what else is swept, over the values of the first setting.

    Attributes:
      name: the cell, and the values of other settings.
      values: `[N]` values of the setting.
      runs: for each of them what summary.json has of each seed.
      summaries: for each of them all of summary.json.
    """

    name: str
    values: list[Any]
    runs: list[list[dict[str, Any]]]
    summaries: list[dict[str, Any]]


def write(path: Path, points: Sequence[str]) -> None:
    """The report of a sweep, with its figure and its CSV, from the runs in a directory."""
    setting = points[0].split(",")[0].split("=")[0]
    lines = _lines(path, points)
    metrics = ["excess", *lines[0].summaries[0]["chance"]]
    (path / runs.FIGURES).mkdir(exist_ok=True)
    write_csv(path / runs.HORIZON, ["line", setting, "seed", *metrics], _rows(lines, metrics))
    with matplotlib.rc_context(STYLE):
        save(_figure(lines, setting, metrics), path / runs.FIGURES / "horizon")
    head = [setting, *(str(v) for v in lines[0].values), "solved up to"]
    table = [[line.name, *_cells(line), _words(horizon(line))] for line in lines]
    parts = [
        page.paragraph(
            "Loss above the least there is, over that of the best predictor without "
            "memory: mean [smallest, largest] over seeds. Solved is at most a tenth, in "
            "every seed, here and at every smaller value."
        ),
        page.block("numbers", page.table([head, *table])),
        page.figure(path / runs.FIGURES / "horizon.svg", "Dotted: without memory."),
        page.heading("Runs"),
        page.table([["run", "report"], *([p, f"{p}/{runs.REPORT}"] for p in points)]),
    ]
    title = f"{lines[0].summaries[0]['benchmark']} over {setting}"
    write_whole(path / runs.REPORT, page.page(title, parts))


def excess(run: dict[str, Any], summary: dict[str, Any]) -> float:
    """Loss above the least there is, over that without memory; NaN where it diverged."""
    if run["final_loss"] is None:
        return float("nan")
    least = summary["optimum"]
    return float((run["final_loss"] - least) / (summary["baseline"] - least))


def horizon(line: Line) -> Any:
    """The largest value up to which all is solved; None where not even the first is."""
    reached = None
    order = sorted(range(len(line.values)), key=lambda i: line.values[i])
    for index in order:
        shares = [excess(run, line.summaries[index]) for run in line.runs[index]]
        if not all(share <= SOLVED for share in shares):
            break
        reached = line.values[index]
    return reached


def _lines(path: Path, points: Sequence[str]) -> list[Line]:
    found: dict[str, Line] = {}
    for point in points:
        summary = json.loads((path / point / runs.SUMMARY).read_text(encoding="utf-8"))
        first, *others = point.split(",")
        value = _number(first.split("=")[1])
        for cell in dict.fromkeys(run["cell"] for run in summary["runs"]):
            name = ", ".join([cell, *others])
            line = found.setdefault(name, Line(name, [], [], []))
            line.values.append(value)
            line.runs.append([run for run in summary["runs"] if run["cell"] == cell])
            line.summaries.append(summary)
    return list(found.values())


def _number(text: str) -> float | int | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _values(line: Line, index: int, metric: str) -> list[float]:
    if metric == "excess":
        return [excess(run, line.summaries[index]) for run in line.runs[index]]
    return [np.nan if run[metric] is None else run[metric] for run in line.runs[index]]


def _rows(lines: Sequence[Line], metrics: Sequence[str]):
    for line in lines:
        for index, value in enumerate(line.values):
            columns = [_values(line, index, metric) for metric in metrics]
            for seed, numbers in enumerate(zip(*columns, strict=True)):
                yield line.name, value, seed, *(f"{number:.6g}" for number in numbers)


def _cells(line: Line) -> list[str]:
    texts = (spread(_values(line, i, "excess")) for i in range(len(line.values)))
    return [text.replace(" [", "\n[") for text in texts]


def _words(reached: Any) -> str:
    return "none" if reached is None else str(reached)


def _figure(lines: Sequence[Line], setting: str, metrics: Sequence[str]) -> Figure:
    figure = Figure(figsize=(3.6 * len(metrics), 3.6), layout="constrained")
    axes = figure.subplots(1, len(metrics), squeeze=False)[0]
    shades = colours([line.name for line in lines])
    for ax, metric in zip(axes, metrics, strict=True):
        for line in lines:
            counted = range(len(line.values))
            values = np.array([_values(line, i, metric) for i in counted]).T
            across = np.array(line.values if _numeric(line) else counted)
            band(ax, across, values, shades[line.name], ".-")
        first = lines[0]
        level = [1.0 if metric == "excess" else s["chance"][metric] for s in first.summaries]
        ax.plot(across, level, ":", color="0.3", linewidth=0.8)
        if not _numeric(first):
            ax.set_xticks(across, first.values)
        ax.set_xlabel(setting)
        ax.set_ylabel(metric.replace("_", " "))
        if is_fraction(metric):
            ax.set_ylim(-0.02, 1.02)
    axes[0].set_ylabel("loss above the least / that without memory")
    handles = [Line2D([], [], color=shades[x.name], label=x.name) for x in lines]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8)
    return figure


def _numeric(line: Line) -> bool:
    return not any(isinstance(value, str) for value in line.values)
