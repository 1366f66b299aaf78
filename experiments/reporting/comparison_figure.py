# SPDX-License-Identifier: Apache-2.0
"""Learning curves of several runs on common axes, one panel a benchmark."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.reporting.drawing import DASHES, STYLE, band, colours, save, write_csv
from experiments.reporting.figures import series


def draw(stem: Path, found: Sequence[Any]) -> None:
    """Write the figure and its CSV, from runs as `experiments.compare` reads them."""
    tasks = list(dict.fromkeys(run.summary["benchmark"] for run in found))
    cells = dict.fromkeys(one["cell"] for run in found for one in run.summary["runs"])
    shades = colours(list(cells))
    head = ["run", "cell", "step", "mean", "low", "high"]
    write_csv(stem.with_suffix(".csv"), head, _rows(found))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(max(6.0, 4.0 * len(tasks)), 3.8), layout="constrained")
        axes = dict(zip(tasks, figure.subplots(1, len(tasks), squeeze=False)[0], strict=True))
        handles = []
        for index, run in enumerate(found):
            style = DASHES[index % len(DASHES)]
            handles.append(Line2D([], [], color="0.3", linestyle=style, label=run.name))
            ax = axes[run.summary["benchmark"]]
            for cell, steps, values in _curves(run):
                band(ax, steps, values, shades[cell], style)
            ax.axhline(run.summary["baseline"], color="0.6", linewidth=0.8, linestyle=":")
        for task, ax in axes.items():
            ax.set_title(task)
            ax.set_xlabel("training step")
            ax.set_yscale("log")
        next(iter(axes.values())).set_ylabel("held-out loss")
        lines = [Line2D([], [], color=c, label=cell) for cell, c in shades.items()]
        handles = [*lines, *handles]
        figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=7)
        save(figure, stem)


def _curves(run: Any):
    for cell in dict.fromkeys(one["cell"] for one in run.summary["runs"]):
        seeds = sum(one["cell"] == cell for one in run.summary["runs"])
        steps, values = series(run.rows, cell, "eval_loss", seeds)
        if len(steps):
            yield cell, steps, values


def _rows(found: Sequence[Any]):
    for run in found:
        for cell, steps, values in _curves(run):
            spread = zip(steps, values.mean(0), values.min(0), values.max(0), strict=True)
            for step, *numbers in spread:
                yield run.name, cell, step, *(f"{float(np.asarray(n)):.6g}" for n in numbers)
