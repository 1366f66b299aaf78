# SPDX-License-Identifier: Apache-2.0
"""Style, colours, bands and files of all figures."""

import csv
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogFormatter


COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe & Ito (2008): distinct with any kind of colour vision, most of them in print."""

DASHES = ("-", "--", "-.", ":")
"""Dashes of the parts of a state, or of runs."""

GREY = "0.3"
"""The colour of everything that belongs to no cell."""

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


def colours(names: Collection[str]) -> dict[str, Any]:
    """A colour for each name, from a wheel where the palette has too few."""
    if len(names) <= len(COLOURS):
        return dict(zip(names, COLOURS, strict=False))
    wheel = matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, len(names)))
    return dict(zip(names, wheel, strict=True))


def band(ax: Axes, x: np.ndarray, values: np.ndarray, colour: Any, style: str) -> None:
    """Mean over seeds `[S, N]` as a line, their range as a band."""
    shown = np.where(np.isfinite(values), values, np.nan)
    ax.plot(x, shown.mean(0), style, color=colour, linewidth=1.4)
    ax.fill_between(x, shown.min(0), shown.max(0), color=colour, alpha=0.2, linewidth=0)


def chance_line(ax: Axes, value: float | None) -> None:
    """The value of the best predictor without memory, where it is known."""
    if value is not None:
        ax.axhline(value, color=GREY, linewidth=0.8, linestyle=":")


def bound(ax: Axes) -> None:
    """Limit the axis of a number between 0 and 1."""
    ax.set_ylim(-0.02, 1.02)


def log_axis(ax: Axes) -> None:
    """Make the y axis logarithmic, with plain numbers where a decade is not spanned."""
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    if high < 100 * low:
        ax.yaxis.set_major_formatter(LogFormatter())
        ax.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))


def title_above(figure: Figure, title: str, fontsize: float = 9) -> None:
    """Write a title above a figure, in lines that fit its width."""
    characters = int(figure.get_figwidth() * 118 / fontsize)
    figure.suptitle(textwrap.fill(title, characters), fontsize=fontsize)


def legend_lines(
    labels: Mapping[str, str], shades: Mapping[str, Any], width: int = 82
) -> list[Line2D]:
    """A line of a legend for each name, in its colour, with its label."""
    return [
        Line2D([], [], color=shades[name], label=textwrap.fill(label, width))
        for name, label in labels.items()
    ]


def legend_dashes(styles: Mapping[str, str]) -> list[Line2D]:
    """A grey line of a legend for each label, in its dashes."""
    return [
        Line2D([], [], color=GREY, linestyle=style, label=label)
        for label, style in styles.items()
    ]


def legend_range(seeds: int) -> Patch:
    """The patch of a legend that explains the bands."""
    return Patch(color="0.5", alpha=0.3, label=f"range of {seeds} seeds")


def save(figure: Figure, stem: Path) -> None:
    """Write a figure as SVG, the same bytes for the same data, and as PNG."""
    figure.savefig(stem.with_name(f"{stem.name}.svg"), metadata={"Date": None})
    figure.savefig(stem.with_name(f"{stem.name}.png"), dpi=200)


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table; only fields that need it are quoted."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
