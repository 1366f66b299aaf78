# SPDX-License-Identifier: Apache-2.0
"""Gates while training, and the memory that they imply."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from experiments.launch.plan import Plan
from experiments.reporting import figures
from experiments.reporting.drawing import STYLE, band, colours, save, write_csv
from experiments.runs.directory import Run
from experiments.training.flow_recorder import Recorded, recorded
from experiments.training.gate_levels import LEVELS


NAME = "gates_training"
"""The stem of its files."""

STEPS = "time_constant", "half_life"
"""Quantities in time steps; with no end, they are inf."""

Found = Mapping[str, Mapping[str, Recorded]]
"""Cell -> quantity -> its recordings."""


def draw(plan: Plan, run: Run) -> None:
    """Write the figure and its CSV, if any cell has gates and they were recorded."""
    found = {cell: _recorded(run, cell) for cell in plan.cells}
    found = {cell: of for cell, of in found.items() if of["gates"].curves}
    if not found:
        return
    head = ["cell", "seed", "step", "quantity", "name", "value"]
    write_csv(run.figures / f"{NAME}.csv", head, _rows(found))
    with matplotlib.rc_context({**STYLE, "font.size": 8}):
        save(figure_of(plan, found), run.figures / NAME)


def _recorded(run: Run, cell: str) -> dict[str, Recorded]:
    return {
        "gates": recorded(run.flow, cell, "gates"),
        **{name: recorded(run.flow, cell, name, absent=np.inf) for name in STEPS},
    }


def _rows(found: Found) -> Iterator[list[Any]]:
    for cell, of in found.items():
        for quantity, record in of.items():
            for name, values in record.curves.items():
                for seed, index, *level in np.ndindex(values.shape):
                    label = f"{name} {LEVELS[level[0]]}" if level else name
                    value = values[(seed, index, *level)]
                    step = record.steps[index]
                    yield [cell, seed, step, quantity, label, f"{value:.6g}"]


def figure_of(plan: Plan, found: Found) -> Figure:
    """For each cell the mean of its gates, how far they are saturated, and half-lives."""
    width = 1.2 + 3.2 * len(found)
    figure = Figure(figsize=(width, 6.0), layout="constrained")
    grid = figure.subplots(3, len(found), sharex="col", sharey="row", squeeze=False)
    shades = colours(dict.fromkeys(n for of in found.values() for n in of["gates"].curves))
    for column, (cell, of) in zip(grid.T, found.items(), strict=True):
        name, _, rest = figures.label(cell, plan).partition(": ")
        column[0].set_title(f"{name}\n{textwrap.fill(rest, 70)}", fontsize=6)
        steps = of["gates"].steps
        style = "-" if len(steps) > 1 else "."
        for gate, values in of["gates"].curves.items():
            mean, closed, opened = np.moveaxis(values, -1, 0)
            band(column[0], steps, mean, shades[gate], style)
            band(column[1], steps, opened, shades[gate], style)
            band(column[1], steps, closed, shades[gate], ":")
        _half_lives(column[2], of["half_life"], style)
        column[2].axhline(plan.benchmark.steps, color="0.3", linewidth=0.8, linestyle="--")
        column[2].set_xlabel("training step")
    for ax in grid[:2].flat:
        ax.set_ylim(-0.02, 1.02)
    for ax, text in zip(
        grid[:, 0],
        ("mean of a gate", "saturated\n(fraction)", "half-life of a unit\n(steps, median)"),
        strict=True,
    ):
        ax.set_ylabel(text)
    figure.suptitle(textwrap.fill(figures.task(plan), int(17 * width)), fontsize=7)
    _legend(figure, plan, shades)
    return figure


def _half_lives(ax: Any, record: Recorded, style: str) -> None:
    """Of each part of the state that keeps anything; what has no end is not drawn."""
    for values in record.curves.values():
        if (values > 0).any():
            band(ax, record.steps, values, "0.2", style)
    ax.set_yscale("log")


def _legend(figure: Figure, plan: Plan, shades: Mapping[str, Any]) -> None:
    lines = [Line2D([], [], color=c, label=name) for name, c in shades.items()]
    ways = [
        Line2D([], [], color="0.3", label="open: above 0.9"),
        Line2D([], [], color="0.3", linestyle=":", label="closed: below 0.1"),
        Line2D([], [], color="0.3", linestyle="--", label="length of a sequence"),
        Patch(color="0.5", alpha=0.3, label=f"range of {plan.front.seeds} seeds"),
    ]
    figure.legend(handles=[*lines, *ways], loc="outside lower center", ncols=4, fontsize=6)
