# SPDX-License-Identifier: Apache-2.0
"""Excess and metrics of a sweep against the first setting."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments.reporting.drawing import (
    GREY,
    band,
    bound,
    colours,
    legend_dashes,
    legend_lines,
)
from experiments.reporting.summary_file import metrics_of, reported_name
from experiments.reporting.sweep_lines import EXCESS, Line, values_of


def figure_of(lines: Sequence[Line], setting: str) -> Figure:
    """A panel for the excess, then one for each metric."""
    first = lines[0].summaries[0]
    names = metrics_of(first)
    figure = Figure(figsize=(3.6 * (1 + len(names)), 3.6), layout="constrained")
    axes = figure.subplots(1, 1 + len(names), squeeze=False)[0]
    shades = colours([line.name for line in lines])
    for ax, name in zip(axes, [EXCESS, *names], strict=True):
        key = EXCESS if name == EXCESS else reported_name(first, name)
        for line in lines:
            band(ax, _x(line), _by_seed(line, key), shades[line.name], ".-")
        chance = [_chance(summary, name) for summary in lines[0].summaries]
        ax.plot(_x(lines[0]), chance, ":", color=GREY, linewidth=0.8)
        if not _numeric(lines[0]):
            ax.set_xticks(_x(lines[0]), lines[0].values)
        ax.set_xlabel(setting)
        ax.set_ylabel(key.replace("_", " "))
        if name in first.get("bounded", ()):
            bound(ax)
    axes[0].set_ylabel("loss above the optimum / that without memory")
    labels = {line.name: line.name for line in lines}
    handles = [*legend_lines(labels, shades), *legend_dashes({"without memory": ":"})]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8)
    return figure


def _by_seed(line: Line, metric: str) -> np.ndarray:
    """`[S, N]` values."""
    return np.array([values_of(line, i, metric) for i in range(len(line.values))]).T


def _chance(summary: Mapping[str, Any], name: str) -> float:
    """The value of the best predictor without memory; NaN where unknown."""
    return 1.0 if name == EXCESS else float(summary["chance"].get(name, np.nan))


def _x(line: Line) -> np.ndarray:
    return np.array(line.values if _numeric(line) else range(len(line.values)))


def _numeric(line: Line) -> bool:
    return not any(isinstance(value, str) for value in line.values)
