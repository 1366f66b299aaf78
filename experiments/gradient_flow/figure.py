# SPDX-License-Identifier: Apache-2.0
"""The figure of an analysis: a row for each recurrence, a column for each panel."""

import itertools
import textwrap
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from experiments.gradient_flow.panel import Found, Lines, Map
from experiments.reporting.drawing import DASHES, STYLE, band, colours, save


FEW = 12
"""Curves with fewer points have markers."""


def write_figure(found: Found, title: str, stem: Path) -> None:
    """Write every panel of every recurrence, as SVG and PNG."""
    width = max(len(panels) for panels in found.values())
    with matplotlib.rc_context({**STYLE, "font.size": 8}):
        size = (max(7.2, 3.7 * width), 0.5 + 2.6 * len(found))
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(len(found), width, squeeze=False)
        for row, (subject, panels) in zip(grid, found.items(), strict=True):
            for ax in row[len(panels) :]:
                ax.set_axis_off()
            for ax, (name, panel) in zip(row, panels.items(), strict=False):
                ax.set_title(f"{subject.label}: {name}", loc="left", fontsize=8)
                _draw(figure, ax, panel)
        figure.suptitle(textwrap.fill(title, int(15 * size[0])), fontsize=8)
        save(figure, stem)


def _draw(figure: Figure, ax: Any, panel: Lines | Map) -> None:
    ax.set_xlabel(panel.x_label)
    ax.set_ylabel(panel.y_label)
    if isinstance(panel, Map):
        _draw_map(figure, ax, panel)
    else:
        _draw_lines(ax, panel)


def _draw_lines(ax, panel):
    # Dashes show curves that lie on top of each other.
    wheel = zip(colours(panel.curves).items(), itertools.cycle(DASHES), strict=False)
    for (name, colour), dashes in wheel:
        values = panel.curves[name]
        few = np.isfinite(values).all(0).sum() < FEW
        band(ax, panel.x, values, colour, dashes)
        ax.lines[-1].set(label=name, marker="o" if few else "", markersize=3)
    for (name, line), style in zip(panel.theory.items(), DASHES[1:], strict=False):
        ax.plot(panel.x, line, style, color="black", linewidth=0.9, label=name)
    if panel.log_x:
        ax.set_xscale("log")
    _bound(ax, panel)
    if panel.curves:
        ax.legend(fontsize=6, ncols=1 + (len(panel.curves) > 3))


def _bound(ax, panel):
    """Limit the axis to the measured values; theory may leave it."""
    values = np.concatenate([np.ravel(v) for v in panel.curves.values()] or [np.zeros(1)])
    finite = values[np.isfinite(values)]
    if len(finite):
        low, high = finite.min(), finite.max()
        margin = 0.08 * (high - low) or 0.1
        ax.set_ylim(low - margin, high + margin)


def _draw_map(figure, ax, panel):
    shown = np.where(np.isfinite(panel.values), panel.values, np.nan)
    image = ax.imshow(shown, aspect="auto", interpolation="nearest", cmap="viridis")
    figure.colorbar(image, ax=ax, label=panel.z_label)
    ax.grid(False)
    if panel.x_names:
        slant = 0 if all(len(name) == 1 for name in panel.x_names) else 45
        ax.set_xticks(range(len(panel.x_names)), panel.x_names, rotation=slant)
    if panel.y_names:
        ax.set_yticks(range(len(panel.y_names)), panel.y_names)
