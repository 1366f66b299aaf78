# SPDX-License-Identifier: Apache-2.0
"""The curves of a benchmark after training, such as accuracy against length."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from experiments.benchmarks.base import Curve
from experiments.reporting.drawing import (
    STYLE,
    band,
    chance_line,
    colours,
    legend_dashes,
    legend_lines,
    legend_range,
    save,
    title_above,
    write_csv,
)
from experiments.reporting.heading import Heading


Measured = Mapping[str, np.ndarray]
"""Cell -> `[S, N]`, NaN where nothing was counted."""


def write(
    figures: Path,
    found: Mapping[str, Mapping[str, np.ndarray]],
    curves: Mapping[str, Curve],
    heading: Heading,
) -> None:
    """Write a CSV and a figure for each curve, under the name of the curve.

    Args:
      figures: the directory.
      found: cell -> name of a curve -> `[S, N]`.
      curves: the curves of the benchmark.
      heading: title, labels and seeds of the figures.
    """
    for name, curve in curves.items():
        measured = {cell: named[name] for cell, named in found.items() if name in named}
        if not measured:
            continue
        head = ["cell", "seed", curve.x_label, curve.y_label]
        write_csv(figures / f"{name}.csv", head, _rows(measured))
        with matplotlib.rc_context(STYLE):
            save(figure_of(measured, curve, heading), figures / name)


def figure_of(measured: Measured, curve: Curve, heading: Heading) -> Figure:
    """The curve of each cell, with the best predictor without memory."""
    figure = Figure(figsize=(7.2, 3.9), layout="constrained")
    ax, shades = figure.subplots(), colours(heading.labels)
    for cell, values in measured.items():
        band(ax, np.arange(values.shape[1]), values, shades[cell], "-")
    chance_line(ax, curve.memoryless)
    ax.set_xlabel(curve.x_label)
    ax.set_ylabel(curve.y_label)
    title_above(figure, heading.title)
    cells = legend_lines({cell: heading.labels[cell] for cell in measured}, shades)
    figure.legend(handles=cells, loc="outside lower left", fontsize=8)
    others = legend_dashes({"best predictor without memory": ":"})
    handles = [*others, legend_range(heading.seeds)]
    figure.legend(handles=handles, loc="outside lower right", fontsize=8)
    return figure


def _rows(measured: Measured) -> Iterator[tuple[str, int, int, str]]:
    for cell, values in measured.items():
        for seed, index in np.ndindex(*values.shape):
            if np.isfinite(values[seed, index]):
                yield cell, seed, index, f"{values[seed, index]:.6g}"
