# SPDX-License-Identifier: Apache-2.0
"""Validation loss of several runs on common axes, one panel for each benchmark."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from experiments.reporting.comparison import Finished
from experiments.reporting.drawing import (
    DASHES,
    STYLE,
    band,
    colours,
    legend_dashes,
    legend_lines,
    save,
    write_csv,
)
from experiments.reporting.series import series
from experiments.reporting.summary_file import by_cell


def write(stem: Path, found: Sequence[Finished]) -> None:
    """Write the figure and its CSV."""
    head = ["run", "cell", "step", "mean", "low", "high"]
    write_csv(stem.with_suffix(".csv"), head, _lines(found))
    with matplotlib.rc_context(STYLE):
        save(figure_of(found), stem)


def figure_of(found: Sequence[Finished]) -> Figure:
    """Colours tell the cells, dashes the runs; dotted lines are the baselines."""
    tasks = list(dict.fromkeys(run.summary["benchmark"] for run in found))
    cells = dict.fromkeys(cell for run in found for cell in by_cell(run.summary))
    shades = colours(cells)
    figure = Figure(figsize=(max(6.0, 4.0 * len(tasks)), 3.8), layout="constrained")
    panels = figure.subplots(1, len(tasks), squeeze=False)[0]
    axes = dict(zip(tasks, panels, strict=True))
    styles = {}
    for index, run in enumerate(found):
        styles[run.name] = style = DASHES[index % len(DASHES)]
        ax = axes[run.summary["benchmark"]]
        for cell, steps, values in _curves(run):
            band(ax, steps, values, shades[cell], style)
        ax.axhline(run.summary["baseline"], color="0.6", linewidth=0.8, linestyle=":")
    for task, ax in axes.items():
        ax.set_title(task)
        ax.set_xlabel("training step")
        ax.set_yscale("log")
    panels[0].set_ylabel("validation loss")
    handles = [*legend_lines({cell: cell for cell in cells}, shades), *legend_dashes(styles)]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=7)
    return figure


def _curves(run: Finished) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    for cell, results in by_cell(run.summary).items():
        steps, values = series(run.rows, cell, "eval_loss", len(results))
        if len(steps):
            yield cell, steps, values


def _lines(found: Sequence[Finished]) -> Iterator[tuple[str | int, ...]]:
    for run in found:
        for cell, steps, values in _curves(run):
            numbers = zip(values.mean(0), values.min(0), values.max(0), strict=True)
            for step, row in zip(steps, numbers, strict=True):
                yield run.name, cell, int(step), *(f"{float(number):.6g}" for number in row)
