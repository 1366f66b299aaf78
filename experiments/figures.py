# SPDX-License-Identifier: Apache-2.0
"""Figures, each beside the CSV that it is drawn from. The one user of matplotlib."""

import csv
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from experiments import gradient_flow
from experiments.options import options_of
from experiments.outcome import Outcome
from experiments.plan import Plan
from experiments.runs import Run


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

PHASES = {"init": "at initialisation", "trained": "after training"}


def draw(plan: Plan, run: Run, outcomes: Mapping[str, Outcome]) -> None:
    """Write every figure of a run, as CSV, SVG and PNG."""
    run.figures.mkdir(exist_ok=True)
    curves = {cell: outcome.curves for cell, outcome in outcomes.items()}
    write_csv(run.figures / "gradient_flow.csv", *gradient_flow.table(curves))
    rows = run.journal.read()
    columns = ["cell", "seed", "step", "loss", "eval_loss", *plan.benchmark.chance]
    write_csv(
        run.figures / "learning_curves.csv",
        columns,
        ([row.get(column, "") for column in columns] for row in rows),
    )
    with matplotlib.rc_context(STYLE):
        curves = {cell: outcome.curves for cell, outcome in outcomes.items()}
        save(flow_figure(plan, curves), run.figures / "gradient_flow")
        save(learning_figure(plan, rows), run.figures / "learning_curves")


def flow_figure(plan: Plan, curves: gradient_flow.Curves) -> Figure:
    """log10 ||dL/ds|| against lag, before and after training."""
    styles = _styles(curves)
    figure = Figure(figsize=(7.2, 3.9), layout="constrained")
    axes = figure.subplots(1, len(PHASES), sharey=True)
    for ax, (phase, title) in zip(axes, PHASES.items(), strict=True):
        for cell, colour in colours(curves).items():
            for leaf, values in curves[cell].get(phase, {}).items():
                lags = np.arange(values.shape[1])
                _band(ax, lags, values, colour, styles[cell, leaf])
        ax.set_title(title)
        ax.set_xlabel("lag (steps before the last)")
        ax.set_xlim(left=0)
    axes[0].set_ylabel(r"$\log_{10}\,\Vert\mathrm{d}L/\mathrm{d}s\Vert_2$")
    figure.suptitle(f"{_task(plan)}; L: loss at the last step", fontsize=9)
    shown = {
        style: ", ".join(dict.fromkeys(x for (_, x), s in styles.items() if s == style))
        for style in styles.values()
    }
    _legend(figure, plan, {f"s = {leaves}": style for style, leaves in shown.items()})
    return figure


def learning_figure(plan: Plan, rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Training loss over baseline, and each metric with its chance level, by step."""
    panels = {"loss": plan.benchmark.baseline, **plan.benchmark.chance}
    figure = Figure(figsize=(7.2, 3.9), layout="constrained")
    axes = figure.subplots(1, len(panels))
    for ax, (name, chance) in zip(axes, panels.items(), strict=True):
        scale = chance if name == "loss" else 1.0
        for cell, colour in colours(plan.cells).items():
            steps, values = _series(rows, cell, name, plan.front.seeds)
            if len(steps):
                _band(ax, steps, values / scale, colour, "-")
        ax.axhline(chance / scale, color="0.3", linewidth=0.8, linestyle=":")
        ax.set_xlabel("training step")
        ax.set_xlim(left=0)
    axes[0].set_yscale("log")
    axes[0].set_ylabel("training loss / memoryless baseline")
    for ax, name in zip(axes[1:], plan.benchmark.chance, strict=True):
        ax.set_ylabel(f"{name.replace('_', ' ')} (fraction)")
        ax.set_ylim(-0.02, 1.02)
    figure.suptitle(_task(plan), fontsize=9)
    _legend(figure, plan, {"best predictor without memory": ":"})
    return figure


def colours(cells: Collection[str]) -> dict[str, Any]:
    """A colour for each cell, from a wheel where the palette has too few."""
    if len(cells) <= len(COLOURS):
        return dict(zip(cells, COLOURS, strict=False))
    wheel = matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, len(cells)))
    return dict(zip(cells, wheel, strict=True))


def _styles(curves: gradient_flow.Curves) -> dict[tuple[str, str], str]:
    """Cell and leaf -> dashes, h solid, the others in the order of the cell's state."""
    return {
        (cell, leaf): style
        for cell in curves
        for leaf, style in zip(
            gradient_flow.leaves_of({cell: curves[cell]}), itertools.cycle(DASHES), strict=False
        )
    }


def _band(ax, x, values, colour, style):
    """Mean over seeds `[S, N]` as a line, their range as a band."""
    shown = np.where(np.isfinite(values), values, np.nan)
    ax.plot(x, shown.mean(0), style, color=colour, linewidth=1.4)
    ax.fill_between(x, shown.min(0), shown.max(0), color=colour, alpha=0.2, linewidth=0)


def _series(rows, cell, name, seeds):
    """Steps `[N]` and values `[S, N]` of a metric, where every seed has it."""
    found: dict[int, dict[int, float]] = {}
    for row in rows:
        if row["cell"] == cell and row.get(name) is not None:
            found.setdefault(row["step"], {})[row["seed"]] = row[name]
    steps = [step for step, values in found.items() if len(values) == seeds]
    return np.array(steps), np.array([[found[s][k] for s in steps] for k in range(seeds)])


def _task(plan: Plan) -> str:
    prefix = f"{plan.front.benchmark}."
    fields = (
        f"{name.removeprefix(prefix)} {value}"
        for name, value in plan.settings.items()
        if name.startswith(prefix)
    )
    return f"{plan.front.benchmark} ({', '.join(fields)})"


def _legend(figure: Figure, plan: Plan, styles: Mapping[str, str]) -> None:
    cells = [
        Line2D([], [], color=colour, label=label(cell, plan))
        for cell, colour in colours(plan.cells).items()
    ]
    lines = [Line2D([], [], color="0.3", linestyle=v, label=k) for k, v in styles.items()]
    band = Patch(color="0.5", alpha=0.3, label=f"range of {plan.front.seeds} seeds")
    figure.legend(handles=cells, loc="outside lower left", fontsize=8)
    figure.legend(handles=[*lines, band], loc="outside lower right", fontsize=8)


def label(cell: str, plan: Plan) -> str:
    """A cell with its width, biases, initializers, and all that is not a default."""
    settings = plan.settings
    parts = [f"H {settings.get(f'{cell}.hidden', settings['model.hidden'])}"]
    for name, option in options_of(plan.factories[cell]).items():
        value = settings.get(f"{cell}.{name}")
        telling = name.endswith(("_bias", "_init")) or value != option.default
        if telling and name != "hidden":
            parts.append(f"{name.replace('_', ' ')} {value}")
    return f"{cell}: {', '.join(parts)}"


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
