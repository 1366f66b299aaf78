# SPDX-License-Identifier: Apache-2.0
"""The figures of a run, each beside the CSV that it is drawn from."""

import itertools
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from experiments.benchmarks.base import is_fraction
from experiments.config.options import options_of
from experiments.launch.plan import Plan
from experiments.reporting.drawing import DASHES, STYLE, band, colours, save, write_csv
from experiments.runs.directory import Run
from experiments.training import lag_curves
from experiments.training.cell_result import Outcome


WIDE = 95
"""Characters of a title that fit above a figure."""

PHASES = {"init": "at initialisation", "trained": "after training"}


def draw(plan: Plan, run: Run, outcomes: Mapping[str, Outcome]) -> None:
    """Write every figure of a run, as CSV, SVG and PNG."""
    run.figures.mkdir(exist_ok=True)
    curves = {cell: outcome.curves for cell, outcome in outcomes.items()}
    write_csv(run.figures / "gradient_flow.csv", *lag_curves.table(curves))
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


def flow_figure(plan: Plan, curves: lag_curves.Curves) -> Figure:
    """log10 ||dL/ds|| against lag, before and after training."""
    styles = _styles(curves)
    figure = Figure(figsize=(7.2, 3.9), layout="constrained")
    axes = figure.subplots(1, len(PHASES), sharey=True)
    for ax, (phase, title) in zip(axes, PHASES.items(), strict=True):
        for cell, colour in colours(curves).items():
            for leaf, values in curves[cell].get(phase, {}).items():
                lags = np.arange(values.shape[1])
                band(ax, lags, values, colour, styles[cell, leaf])
        ax.set_title(title)
        ax.set_xlabel("lag (steps before the last)")
        ax.set_xlim(left=0)
    axes[0].set_ylabel(r"$\log_{10}\,\Vert\mathrm{d}L/\mathrm{d}s\Vert_2$")
    title = f"{task(plan)}; L: loss at the last step"
    figure.suptitle(textwrap.fill(title, WIDE), fontsize=9)
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
            steps, values = series(rows, cell, name, plan.front.seeds)
            if len(steps):
                band(ax, steps, values / scale, colour, "-")
        ax.axhline(chance / scale, color="0.3", linewidth=0.8, linestyle=":")
        ax.set_xlabel("training step")
        ax.set_xlim(left=0)
    axes[0].set_yscale("log")
    axes[0].set_ylabel("training loss / memoryless baseline")
    for ax, name in zip(axes[1:], plan.benchmark.chance, strict=True):
        ax.set_ylabel(name.replace("_", " ") + (" (fraction)" if is_fraction(name) else ""))
        if is_fraction(name):
            ax.set_ylim(-0.02, 1.02)
    figure.suptitle(textwrap.fill(task(plan), WIDE), fontsize=9)
    _legend(figure, plan, {"best predictor without memory": ":"})
    return figure


def _styles(curves: lag_curves.Curves) -> dict[tuple[str, str], str]:
    """Cell and leaf -> dashes, h solid, the others in the order of the cell's state."""
    return {
        (cell, leaf): style
        for cell in curves
        for leaf, style in zip(
            lag_curves.leaves_of({cell: curves[cell]}), itertools.cycle(DASHES), strict=False
        )
    }


def series(
    rows: Sequence[Mapping[str, Any]], cell: str, name: str, seeds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Steps `[N]` and values `[S, N]` of a metric, where every seed has it."""
    found: dict[int, dict[int, float]] = {}
    for row in rows:
        if row["cell"] == cell and row.get(name) is not None:
            found.setdefault(row["step"], {})[row["seed"]] = row[name]
    steps = [step for step, values in found.items() if len(values) == seeds]
    return np.array(steps), np.array([[found[s][k] for s in steps] for k in range(seeds)])


def task(plan: Plan) -> str:
    """The benchmark and its settings."""
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
