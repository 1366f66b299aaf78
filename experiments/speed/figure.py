# SPDX-License-Identifier: Apache-2.0
"""Ratios as a figure."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from experiments.reporting.drawing import COLOURS, STYLE, save
from experiments.speed.peers import PEERS
from experiments.speed.rows import Row


LIBRARIES = ("recur scan", *PEERS)


def write(rows: Sequence[Row], stem: Path) -> None:
    """Time of a train step over that of `recur`, by cell and shape, as SVG and PNG."""
    rows = [row for row in rows if row.timed_pass == "train" and row.library in LIBRARIES]
    shapes = list(dict.fromkeys(row.shape for row in rows))
    kinds = list(dict.fromkeys(row.kind for row in rows))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 1.2 + 1.5 * len(kinds)), layout="constrained")
        panels = figure.subplots(len(kinds), 1, sharex=True, sharey=True, squeeze=False)
        for ax, kind in zip(panels[:, 0], kinds, strict=True):
            _panel(ax, [row for row in rows if row.kind == kind], shapes)
            ax.set_title(kind, loc="left")
        panels[-1, 0].set_xticks(
            range(len(shapes)), [" ".join(map(str, shape)) for shape in shapes]
        )
        panels[-1, 0].set_xlabel("B T I H")
        figure.supylabel("time of a train step / that of recur", fontsize=9)
        handles = {
            label: handle
            for ax in panels[:, 0]
            for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)
        }
        figure.legend(
            handles.values(), handles.keys(), loc="outside lower center", ncols=4, fontsize=8
        )
        save(figure, stem)


def _panel(ax, rows, shapes):
    ax.axhline(1, color="0.3", linewidth=0.8)
    ax.set_yscale("log", base=2)
    ax.yaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
    present = [name for name in LIBRARIES if any(row.library == name for row in rows)]
    for library in present:
        position = LIBRARIES.index(library)
        # Of cells that only one library has, such as a ReLU RNN, there is no second row.
        mine = {row.shape: row for row in reversed(rows) if row.library == library}
        xs = [shapes.index(shape) + (position - 3) * 0.11 for shape in mine]
        medians = [row.ratio.median for row in mine.values()]
        below = [row.ratio.median - row.ratio.low for row in mine.values()]
        above = [row.ratio.high - row.ratio.median for row in mine.values()]
        ax.errorbar(
            *(xs, medians, (below, above)),
            fmt="o",
            markersize=3.5,
            linewidth=1,
            color=COLOURS[position],
            label=library,
        )
