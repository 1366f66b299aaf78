# SPDX-License-Identifier: Apache-2.0
"""Learning curves: training loss and validation metrics against the training step."""

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from experiments.benchmarks.base import Benchmark, Metric
from experiments.reporting.drawing import (
    STYLE,
    band,
    bound,
    chance_line,
    colours,
    legend_dashes,
    legend_lines,
    legend_range,
    log_axis,
    save,
    title_above,
    write_csv,
)
from experiments.reporting.heading import Heading
from experiments.reporting.series import Rows, series


NAME = "learning_curves"
"""The stem of its files."""


def write(figures: Path, rows: Rows, benchmark: Benchmark, heading: Heading) -> None:
    """Write learning_curves.csv, .svg and .png.

    Args:
      figures: the directory.
      rows: the rows of metrics.jsonl.
      benchmark: the task.
      heading: title, labels and seeds of the figure.
    """
    columns = ["cell", "seed", "step", "loss", "eval_loss", *benchmark.metrics]
    lines = ([row.get(column, "") for column in columns] for row in rows)
    write_csv(figures / f"{NAME}.csv", columns, lines)
    with matplotlib.rc_context(STYLE):
        save(figure_of(rows, benchmark, heading), figures / NAME)


def figure_of(rows: Rows, benchmark: Benchmark, heading: Heading) -> Figure:
    """Training loss over the baseline, then each metric beside its chance line."""
    metrics, shades = benchmark.metrics, colours(heading.labels)
    width = max(7.2, 2.9 * (1 + len(metrics)))
    figure = Figure(figsize=(width, 3.9), layout="constrained")
    axes = dict(zip(["loss", *metrics], figure.subplots(1, 1 + len(metrics), squeeze=False)[0],
                    strict=True))  # fmt: skip
    for name, ax in axes.items():
        scale = benchmark.baseline if name == "loss" else 1.0
        for cell, colour in shades.items():
            steps, values = series(rows, cell, name, heading.seeds)
            if len(steps):
                band(ax, steps, values / scale, colour, "-")
        ax.set_xlabel("training step")
        ax.set_xlim(left=0)
    chance_line(axes["loss"], 1.0)
    log_axis(axes["loss"])
    axes["loss"].set_ylabel("training loss / memoryless baseline")
    for name, metric in metrics.items():
        chance_line(axes[name], metric.memoryless)
        axes[name].set_ylabel(f"validation {described(name, metric)}")
        if metric.bounded:
            bound(axes[name])
    title_above(figure, heading.title)
    cells = legend_lines(heading.labels, shades)
    figure.legend(handles=cells, loc="outside lower left", fontsize=8)
    others = legend_dashes({"best predictor without memory": ":"})
    handles = [*others, legend_range(heading.seeds)]
    figure.legend(handles=handles, loc="outside lower right", fontsize=8)
    return figure


def described(name: str, metric: Metric) -> str:
    """The name of a metric with its unit."""
    unit = metric.unit or ("fraction" if metric.bounded else "")
    return name.replace("_", " ") + (f" ({unit})" if unit else "")
