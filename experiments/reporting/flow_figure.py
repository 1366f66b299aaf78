# SPDX-License-Identifier: Apache-2.0
"""Gradient norm against lag, before and after training."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from experiments.reporting.drawing import (
    DASHES,
    STYLE,
    band,
    colours,
    legend_dashes,
    legend_lines,
    legend_range,
    save,
    title_above,
    write_csv,
)
from experiments.reporting.heading import Heading
from experiments.reporting.sites import name_in, prefixed, sites_of
from experiments.training import lag_curves
from experiments.training.lag_curves import Curves, LagCurves


NAME = "gradient_flow"
"""The stem of its files."""

PHASES = {"init": "at initialisation", "trained": "after training"}

Styles = Mapping[tuple[str, str], str]
"""(cell, name of a state within its recurrence) -> dashes."""


def write(figures: Path, curves: Curves, heading: Heading) -> None:
    """Write gradient_flow.csv, .svg and .png."""
    write_csv(figures / f"{NAME}.csv", *lag_curves.table(curves))
    with matplotlib.rc_context(STYLE):
        save(figure_of(curves, heading), figures / NAME)


def figure_of(curves: Curves, heading: Heading) -> Figure:
    """A row of panels for each recurrence, a column before and one after training."""
    sites = sites_of(lag_curves.names_of(curves))
    height = 1.5 + 2.4 * len(sites)
    figure = Figure(figsize=(7.2, height), layout="constrained")
    grid = figure.subplots(
        len(sites), len(PHASES), sharex=True, sharey="row", squeeze=False
    )
    styles, shades = _styles(curves), colours(curves)
    for site, panels in zip(sites, grid, strict=True):
        for ax, (phase, title) in zip(panels, PHASES.items(), strict=True):
            for cell, phases in curves.items():
                mine = {n: s for (c, n), s in styles.items() if c == cell}
                _draw(ax, site, phases.get(phase, {}), shades[cell], mine)
            ax.set_title(prefixed(site, title, ", "))
            ax.set_xlim(left=0)
        panels[0].set_ylabel(r"$\log_{10}\,\Vert\mathrm{d}L/\mathrm{d}s\Vert_2$")
    for ax in grid[-1]:
        ax.set_xlabel("lag (steps before the last)")
    title_above(figure, f"{heading.title}; L: loss at the last step")
    cells = legend_lines({cell: heading.labels[cell] for cell in curves}, shades)
    figure.legend(handles=cells, loc="outside lower left", fontsize=8)
    dashes = [*legend_dashes(_by_dashes(styles)), legend_range(heading.seeds)]
    figure.legend(handles=dashes, loc="outside lower right", fontsize=8)
    return figure


def _draw(
    ax: Any, site: str, curves: LagCurves, colour: Any, styles: Mapping[str, str]
) -> None:
    """Draw the states of one recurrence of one cell."""
    for name, values in curves.items():
        inner = name_in(site, name)
        if inner is not None:
            band(ax, np.arange(values.shape[1]), values, colour, styles[inner])


def _styles(curves: Curves) -> Styles:
    """Dashes of every state of every cell: the output solid, the others in order."""
    found = {}
    for cell, phases in curves.items():
        names = lag_curves.names_of({cell: phases})
        inner = [name_in(site, name) for site in sites_of(names) for name in names]
        distinct = {name for name in inner if name is not None}
        ordered = sorted(distinct, key=lambda name: (name != "h", name))
        for name, style in zip(ordered, itertools.cycle(DASHES), strict=False):
            found[cell, name] = style
    return found


def _by_dashes(styles: Styles) -> dict[str, str]:
    """Label of the legend -> dashes; states with the same dashes share a label."""
    names: dict[str, list[str]] = {}
    for (_, name), style in styles.items():
        names.setdefault(style, []).append(name)
    return {f"s = {', '.join(dict.fromkeys(n))}": style for style, n in names.items()}
