# SPDX-License-Identifier: Apache-2.0
"""Gradient flow while training, above loss and metrics, on one axis of training steps."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from experiments.benchmarks.base import Benchmark
from experiments.reporting.drawing import (
    COLOURS,
    STYLE,
    band,
    bound,
    chance_line,
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
from experiments.reporting.heat_map import (
    Found,
    beyond,
    colour_limit,
    heat_map,
    mean_of,
    spacing_of,
)
from experiments.reporting.series import Rows, series
from experiments.reporting.sites import output_of, prefixed, sites_of
from experiments.runs.journal import Journal
from experiments.training.flow_recorder import Recorded, recorded
from recur import flow


NAME = "flow_training"
"""The stem of its files."""


def write(
    figures: Path, journal: Journal, rows: Rows, benchmark: Benchmark, heading: Heading
) -> None:
    """Write the figure and its CSV, if gradient flow was recorded.

    Args:
      figures: the directory.
      journal: the records of gradient flow.
      rows: the rows of metrics.jsonl.
      benchmark: the task.
      heading: title, labels and seeds of the figure.
    """
    found = {c: r for c in heading.labels if (r := recorded(journal, c)).curves}
    if not found:
        return
    names = list(dict.fromkeys(name for r in found.values() for name in r.curves))
    head = ["cell", "seed", "step", "lag", *(f"log10_norm_{name}" for name in names)]
    write_csv(figures / f"{NAME}.csv", head, _lines(found, names))
    with matplotlib.rc_context({**STYLE, "font.size": 8}):
        save(figure_of(found, rows, benchmark, heading), figures / NAME)


def _lines(found: Found, names: list[str]) -> Iterator[tuple[Any, ...]]:
    for cell, record in found.items():
        shapes = [values.shape for values in record.curves.values()]
        seeds, steps, lags = np.max(shapes, axis=0)
        for seed, index, lag in np.ndindex(seeds, steps, lags):
            norms = [_norm(record.curves.get(name), seed, index, lag) for name in names]
            yield cell, seed, record.steps[index], lag, *norms


def _norm(values: np.ndarray | None, seed: int, index: int, lag: int) -> str:
    if values is None or lag >= values.shape[2]:
        return ""
    return f"{values[seed, index, lag]:.6f}"


def figure_of(found: Found, rows: Rows, benchmark: Benchmark, heading: Heading) -> Figure:
    """A column for each cell: norms of h of each recurrence, slopes, loss, metrics."""
    sites = sites_of(name for record in found.values() for name in record.curves)
    ratios = [2.2] * len(sites) + [1.0] * (2 + len(benchmark.metrics))
    size = (1.2 + 3.2 * len(found), 0.8 + 1.2 * sum(ratios))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(
        len(ratios), len(found), sharex="col", sharey="row", squeeze=False, height_ratios=ratios
    )
    means = {(c, s): mean_of(r, s) for c, r in found.items() for s in sites}
    limit = colour_limit(means)
    every = spacing_of(found, rows)
    for column, (cell, record) in zip(grid.T, found.items(), strict=True):
        for ax, site in zip(column, sites, strict=False):
            image = heat_map(ax, record.steps, means[cell, site], every, limit)
        column[0].set_title(heading.column_title(cell), fontsize=6)
        slopes, *panels = column[len(sites) :]
        _draw_slopes(slopes, record, sites)
        _draw_learning(panels, rows, cell, benchmark, heading.seeds)
        column[-1].set_xlabel("training step")
    label = r"$\log_{10}\,\Vert\mathrm{d}L/\mathrm{d}h\Vert_2$"
    bar = grid[: len(sites), -1]
    figure.colorbar(image, ax=bar, label=label, extend=beyond(means, limit))
    _label_rows(grid[:, 0], sites, benchmark)
    title_above(figure, f"{heading.title}; L: loss at the last step", fontsize=7)
    _add_legend(figure, heading, sites, found)
    return figure


def _draw_slopes(ax: Any, record: Recorded, sites: list[str]) -> None:
    """Slopes of the lag curves of every recurrence; 0 is a gradient that does not decay."""
    style = "-" if len(record.steps) > 1 else "."
    for site, colour in _site_colours(sites).items():
        band(ax, record.steps, flow.slope(record.curves[output_of(site)]), colour, style)
    # Slopes of cells differ by orders of magnitude.
    ax.set_yscale("symlog", linthresh=0.01)
    ax.update_datalim([(0, -0.1), (0, 0.1)])


def _site_colours(sites: list[str]) -> dict[str, Any]:
    return colours(sites) if len(sites) > 1 else {sites[0]: COLOURS[1]}


def _draw_learning(
    panels: list[Any], rows: Rows, cell: str, benchmark: Benchmark, seeds: int
) -> None:
    """Training loss over the baseline, then every metric, each with its chance line."""
    steps, values = series(rows, cell, "loss", seeds)
    if len(steps):
        band(panels[0], steps, values / benchmark.baseline, COLOURS[0], "-")
    chance_line(panels[0], 1.0)
    log_axis(panels[0])
    for ax, (name, metric) in zip(panels[1:], benchmark.metrics.items(), strict=True):
        steps, values = series(rows, cell, name, seeds)
        if len(steps):
            band(ax, steps, values, COLOURS[0], "-")
        chance_line(ax, metric.memoryless)
        if metric.bounded:
            bound(ax)


def _label_rows(column: Any, sites: list[str], benchmark: Benchmark) -> None:
    metrics = [
        name.replace("_", "\n") + (f"\n({metric.unit})" if metric.unit else "")
        for name, metric in benchmark.metrics.items()
    ]
    maps = [prefixed(site, "lag (steps)", "\n") for site in sites]
    labels = [*maps, "slope\n(nats/step)", "loss /\nbaseline", *metrics]
    for ax, label in zip(column, labels, strict=True):
        ax.set_ylabel(label)


def _add_legend(figure: Figure, heading: Heading, sites: list[str], found: Found) -> None:
    handles: list[Any] = legend_dashes({"best predictor without memory": ":"})
    handles.append(legend_range(heading.seeds))
    norms = [record.curves[output_of(site)] for record in found.values() for site in sites]
    if any(np.isneginf(values).any() for values in norms):
        handles.append(Patch(facecolor="w", edgecolor="0.5", label="gradient exactly zero"))
    if len(sites) > 1:
        labels = {site: f"slope of {output_of(site)}" for site in sites}
        handles += legend_lines(labels, _site_colours(sites))
    columns = min(3, len(handles))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=6)
