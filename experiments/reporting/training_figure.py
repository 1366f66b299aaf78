# SPDX-License-Identifier: Apache-2.0
"""Gradient flow while training, above what was learnt, on one time axis."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from experiments.benchmarks.base import is_fraction
from experiments.launch.plan import Plan
from experiments.reporting import figures
from experiments.reporting.drawing import COLOURS, STYLE, band, save, write_csv
from experiments.runs.directory import Run
from experiments.training.flow_recorder import Recorded, recorded
from recur import flow


NAME = "flow_training"
"""The stem of its files."""

DECADES = 7.0
"""Where colours end: beside 1, a float32 no longer sees 1e-7."""


def draw(plan: Plan, run: Run) -> None:
    """Write the figure and its CSV, if gradient flow was recorded."""
    found = {cell: r for cell in plan.cells if (r := recorded(run.flow, cell)).curves}
    if not found:
        return
    leaves = list(dict.fromkeys(leaf for r in found.values() for leaf in r.curves))
    head = ["cell", "seed", "step", "lag", *(f"log10_norm_{leaf}" for leaf in leaves)]
    write_csv(run.figures / f"{NAME}.csv", head, _rows(found, leaves))
    with matplotlib.rc_context({**STYLE, "font.size": 8}):
        save(figure_of(plan, found, run.journal.read()), run.figures / NAME)


def _rows(found: Mapping[str, Recorded], leaves: Sequence[str]):
    for cell, record in found.items():
        seeds, steps, lags = record.curves["h"].shape
        for seed, index, lag in np.ndindex(seeds, steps, lags):
            norms = [
                f"{record.curves[leaf][seed, index, lag]:.6f}" if leaf in record.curves else ""
                for leaf in leaves
            ]
            yield cell, seed, record.steps[index], lag, *norms


def figure_of(
    plan: Plan, found: Mapping[str, Recorded], rows: Sequence[Mapping[str, Any]]
) -> Figure:
    """For each cell norms of h by step and lag, and below them what came of it."""
    panels = {"loss": plan.benchmark.baseline, **plan.benchmark.chance}
    width = 1.2 + 3.2 * len(found)
    figure = Figure(figsize=(width, 3.0 + 1.2 * (1 + len(panels))), layout="constrained")
    ratios = [2.2, *[1] * (1 + len(panels))]
    grid = figure.subplots(
        len(ratios), len(found), sharex="col", sharey="row", squeeze=False, height_ratios=ratios
    )
    limit = _limit(found)
    for column, (cell, record) in zip(grid.T, found.items(), strict=True):
        image = _heat_map(column[0], record, plan.train.flow_every, limit)
        name, _, rest = figures.label(cell, plan).partition(": ")
        column[0].set_title(f"{name}\n{textwrap.fill(rest, 70)}", fontsize=6)
        _opening(column[1], record)
        for ax, (name, chance) in zip(column[2:], panels.items(), strict=True):
            _learnt(ax, figures.series(rows, cell, name, plan.front.seeds), name, chance)
        column[-1].set_xlabel("training step")
    label = r"$\log_{10}\,\Vert\mathrm{d}L/\mathrm{d}h\Vert_2$"
    figure.colorbar(image, ax=grid[0, -1], label=label, extend=_beyond(found, limit))
    grid[0, 0].set_ylabel("lag (steps)")
    grid[1, 0].set_ylabel("slope\n(nats/step)")
    grid[2, 0].set_ylabel("loss /\nbaseline")
    for ax, name in zip(grid[3:, 0], plan.benchmark.chance, strict=True):
        ax.set_ylabel(name.replace("_", "\n"))
    title = f"{figures.task(plan)}; L: loss at the last step"
    figure.suptitle(textwrap.fill(title, int(17 * width)), fontsize=7)
    _legend(figure, plan, found)
    return figure


def _mean(record: Recorded) -> np.ndarray:
    """`[N, T]` mean over seeds of the norms of h; NaN where one of them is zero."""
    values = record.curves["h"]
    return np.where(np.isfinite(values).all(0), values.mean(0), np.nan)


def _heat_map(ax: Any, record: Recorded, every: int, limit: float) -> Any:
    """Steps across, lags upwards; blank where the gradient is zero."""
    mean = _mean(record)
    across = np.append(record.steps, record.steps[-1] + every) - every / 2
    upwards = np.arange(mean.shape[1] + 1) - 0.5
    ax.grid(False)
    return ax.pcolormesh(
        across, upwards, mean.T, cmap="coolwarm", vmin=-limit, vmax=limit, rasterized=True
    )


def _limit(found: Mapping[str, Recorded]) -> float:
    """Of the colours, which are symmetric about a norm of 1."""
    sizes = np.concatenate([np.abs(_mean(record)).ravel() for record in found.values()])
    largest = sizes[np.isfinite(sizes)].max(initial=0.0)
    return min(float(largest), DECADES) or 1.0


def _beyond(found: Mapping[str, Recorded], limit: float) -> str:
    """The ends of the colour bar past which there are norms, as matplotlib names them."""
    means = [_mean(record) for record in found.values()]
    below = any((mean < -limit).any() for mean in means)
    above = any((mean > limit).any() for mean in means)
    return {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[below, above]


def _opening(ax: Any, record: Recorded) -> None:
    """Slopes over training; at zero gradient passes."""
    slopes = np.asarray(flow.slope(record.curves["h"]))
    band(ax, record.steps, slopes, COLOURS[1], "-" if len(record.steps) > 1 else ".")
    # A slope that lets nothing pass is orders of magnitude from one that does.
    ax.set_yscale("symlog", linthresh=0.01)
    ax.update_datalim([(0, -0.1), (0, 0.1)])


def _learnt(ax: Any, series: tuple[np.ndarray, np.ndarray], name: str, chance: float) -> None:
    """A metric over training, and what a predictor without memory has."""
    steps, values = series
    scale = chance if name == "loss" else 1.0
    if len(steps):
        band(ax, steps, values / scale, COLOURS[0], "-")
    ax.axhline(chance / scale, color="0.3", linewidth=0.8, linestyle=":")
    if name == "loss":
        ax.set_yscale("log")
    elif is_fraction(name):
        ax.set_ylim(-0.02, 1.02)


def _legend(figure: Figure, plan: Plan, found: Mapping[str, Recorded]) -> None:
    handles = [
        Line2D([], [], color="0.3", linestyle=":", label="best predictor without memory"),
        Patch(color="0.5", alpha=0.3, label=f"range of {plan.front.seeds} seeds"),
    ]
    if any(np.isnan(_mean(record)).any() for record in found.values()):
        handles.append(Patch(facecolor="w", edgecolor="0.5", label="gradient exactly zero"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=6)
