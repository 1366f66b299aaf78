# SPDX-License-Identifier: Apache-2.0
"""Gates while training, and the half-lives that they imply."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from experiments.reporting.drawing import (
    GREY,
    STYLE,
    band,
    bound,
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
from experiments.reporting.sites import name_in, prefixed, sites_of
from experiments.runs.journal import Journal
from experiments.training.flow_recorder import Recorded, recorded
from experiments.training.gate_statistics import STATISTICS


NAME = "gates_training"
"""The stem of its files."""

DURATIONS = "time_constant", "half_life"
"""Quantities in time steps; inf where a unit keeps its value for ever."""

PANELS = "mean of a gate", "saturated\n(fraction)", "half-life of a unit\n(steps, median)"
"""The rows of panels of each recurrence."""

Found = Mapping[str, Mapping[str, Recorded]]
"""Cell -> quantity -> its records."""


def write(figures: Path, journal: Journal, steps: int, heading: Heading) -> None:
    """Write the figure and its CSV, if any cell has gates and they were recorded.

    Args:
      figures: the directory.
      journal: the records of gradient flow and gates.
      steps: length of a sequence [steps].
      heading: title, labels and seeds of the figure.
    """
    records = {cell: _recorded(journal, cell) for cell in heading.labels}
    found = {cell: named for cell, named in records.items() if named["gates"].curves}
    if not found:
        return
    head = ["cell", "seed", "step", "quantity", "name", "value"]
    write_csv(figures / f"{NAME}.csv", head, _lines(found))
    with matplotlib.rc_context({**STYLE, "font.size": 8}):
        save(figure_of(found, steps, heading), figures / NAME)


def _recorded(journal: Journal, cell: str) -> dict[str, Recorded]:
    return {
        "gates": recorded(journal, cell, "gates"),
        **{name: recorded(journal, cell, name, null=np.inf) for name in DURATIONS},
    }


def _lines(found: Found) -> Iterator[list[Any]]:
    for cell, named in found.items():
        for quantity, record in named.items():
            for name, values in record.curves.items():
                for seed, index, *rest in np.ndindex(values.shape):
                    label = f"{name} {STATISTICS[rest[0]]}" if rest else name
                    value = values[(seed, index, *rest)]
                    step = record.steps[index]
                    yield [cell, seed, step, quantity, label, f"{value:.6g}"]


def figure_of(found: Found, steps: int, heading: Heading) -> Figure:
    """A column for each cell, three rows for each recurrence."""
    sites = sites_of(n for named in found.values() for n in named["half_life"].curves)
    size = (1.2 + 3.2 * len(found), 1.2 + 1.6 * len(PANELS) * len(sites))
    figure = Figure(figsize=size, layout="constrained")
    rows = len(PANELS) * len(sites)
    grid = figure.subplots(rows, len(found), sharex="col", sharey="row", squeeze=False)
    shades = colours(dict.fromkeys(_gate_names(found, sites)))
    for column, (cell, named) in zip(grid.T, found.items(), strict=True):
        for index, site in enumerate(sites):
            panels = column[len(PANELS) * index :][: len(PANELS)]
            _draw_gates(panels[:2], named["gates"], site, shades)
            _draw_half_lives(panels[2], named["half_life"], site, steps)
        column[0].set_title(heading.column_title(cell), fontsize=6)
        column[-1].set_xlabel("training step")
    labels = [prefixed(site, text, "\n") for site in sites for text in PANELS]
    for ax, label in zip(grid[:, 0], labels, strict=True):
        ax.set_ylabel(label, fontsize=7)
    title_above(figure, heading.title, fontsize=7)
    gates = legend_lines({name: name for name in shades}, shades)
    dashes = {
        "open: above 0.9": "-",
        "closed: below 0.1": ":",
        "length of a sequence": "--",
    }
    handles = [*gates, *legend_dashes(dashes), legend_range(heading.seeds)]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=6)
    return figure


def _gate_names(found: Found, sites: list[str]) -> Iterator[str]:
    """The names of gates within a recurrence."""
    for named in found.values():
        for site in sites:
            for name in named["gates"].curves:
                inner = name_in(site, name)
                if inner is not None:
                    yield inner


def _draw_gates(
    panels: Any, record: Recorded, site: str, shades: Mapping[str, Any]
) -> None:
    """Means in the first panel, shares of open and closed gates in the second."""
    style = "-" if len(record.steps) > 1 else "."
    for name, values in record.curves.items():
        inner = name_in(site, name)
        if inner is None:
            continue
        mean, closed, opened = np.moveaxis(values, -1, 0)
        band(panels[0], record.steps, mean, shades[inner], style)
        band(panels[1], record.steps, opened, shades[inner], style)
        band(panels[1], record.steps, closed, shades[inner], ":")
    for ax in panels:
        bound(ax)


def _draw_half_lives(ax: Any, record: Recorded, site: str, steps: int) -> None:
    """Half-lives of the parts of a state that keep anything, where they are finite."""
    style = "-" if len(record.steps) > 1 else "."
    for name, values in record.curves.items():
        if name_in(site, name) is not None and (values > 0).any():
            band(ax, record.steps, values, "0.2", style)
    ax.axhline(steps, color=GREY, linewidth=0.8, linestyle="--")
    log_axis(ax)
