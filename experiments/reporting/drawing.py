# SPDX-License-Identifier: Apache-2.0
"""What all figures share: colours, bands over seeds, and files whose bytes do not change."""

import csv
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure


COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe & Ito (2008): told apart with any kind of colour vision, most of them in print."""

DASHES = ("-", "--", "-.", ":")
"""For the leaves of a state."""

STYLE = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9,
    "font.size": 9,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "svg.hashsalt": "recur",
}


def colours(cells: Collection[str]) -> dict[str, Any]:
    """A colour for each cell, from a wheel where the palette has too few."""
    if len(cells) <= len(COLOURS):
        return dict(zip(cells, COLOURS, strict=False))
    wheel = matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, len(cells)))
    return dict(zip(cells, wheel, strict=True))


def band(ax: Axes, x: np.ndarray, values: np.ndarray, colour: Any, style: str) -> None:
    """Mean over seeds `[S, N]` as a line, their range as a band."""
    shown = np.where(np.isfinite(values), values, np.nan)
    ax.plot(x, shown.mean(0), style, color=colour, linewidth=1.4)
    ax.fill_between(x, shown.min(0), shown.max(0), color=colour, alpha=0.2, linewidth=0)


def save(figure: Figure, stem: Path) -> None:
    """Write a figure as SVG, the same bytes for the same data, and as PNG."""
    figure.savefig(stem.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(stem.with_suffix(".png"), dpi=200)


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table; nothing is quoted that need not be."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
