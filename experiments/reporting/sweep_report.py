# SPDX-License-Identifier: Apache-2.0
"""Write the report of a sweep: every result against the setting, and each horizon."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib

from experiments.reporting import page
from experiments.reporting.drawing import STYLE, save, write_csv
from experiments.reporting.summary_file import mean_and_range, metrics_of, reported_name
from experiments.reporting.sweep_figure import figure_of
from experiments.reporting.sweep_lines import (
    EXCESS,
    Line,
    horizon,
    read_lines,
    values_of,
)
from experiments.runs.atomic import write_whole
from experiments.runs.names import FIGURES, HORIZON, REPORT


def write(path: Path, points: Sequence[str]) -> None:
    """Write the report of a sweep, with its figure and its CSV.

    Args:
      path: directory of the sweep.
      points: names of its runs, such as `copy_memory.lag=10`.
    """
    setting = points[0].split(",")[0].split("=")[0]
    lines = read_lines(path, points)
    first = lines[0].summaries[0]
    metrics = [EXCESS, *(reported_name(first, metric) for metric in metrics_of(first))]
    (path / FIGURES).mkdir(exist_ok=True)
    write_csv(path / HORIZON, ["line", setting, "seed", *metrics], _rows(lines, metrics))
    with matplotlib.rc_context(STYLE):
        save(figure_of(lines, setting), path / FIGURES / "horizon")
    head = [setting, *(str(value) for value in lines[0].values), "solved up to"]
    table = [[line.name, *_cells(line), _reached(line)] for line in lines]
    parts = [
        page.paragraph(
            "Loss above the optimum, over that of the best predictor without memory: mean "
            "[smallest, largest] over seeds. A task is solved where it is at most a tenth in "
            "every seed, here and at every smaller value."
        ),
        page.block("numbers", page.table([head, *table])),
        page.figure(
            path / FIGURES / "horizon.svg",
            "Loss and metrics against the setting; bands: range over seeds; dotted: best "
            "predictor without memory.",
        ),
        page.heading("Runs"),
        page.table([["run", "report"], *([p, f"{p}/{REPORT}"] for p in points)]),
    ]
    title = f"{first['benchmark']} over {setting}"
    write_whole(path / REPORT, page.page(title, parts))


def _reached(line: Line) -> str:
    reached = horizon(line)
    return "none" if reached is None else str(reached)


def _rows(lines: Sequence[Line], metrics: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    for line in lines:
        for index, value in enumerate(line.values):
            columns = [values_of(line, index, metric) for metric in metrics]
            for seed, numbers in enumerate(zip(*columns, strict=True)):
                yield line.name, value, seed, *(f"{number:.6g}" for number in numbers)


def _cells(line: Line) -> list[str]:
    texts = (mean_and_range(values_of(line, i, EXCESS)) for i in range(len(line.values)))
    return [text.replace(" [", "\n[") for text in texts]
