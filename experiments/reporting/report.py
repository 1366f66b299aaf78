# SPDX-License-Identifier: Apache-2.0
"""`report.html`: the run on one page that can be sent to a colleague."""

from collections.abc import Mapping
from pathlib import Path

from experiments.benchmarks.base import Benchmark, Data
from experiments.launch.plan import Plan
from experiments.reporting import page, summary
from experiments.reporting.summary import Summary, timing
from experiments.runs.directory import Run, versions


def render(plan: Plan, directory: Run, summed: Summary) -> str:
    """The page, from the summary and the figures in the run directory."""
    title = f"{plan.name}: {', '.join(plan.cells)}"
    settings = page.table([["setting", "value"], *page.pairs(plan.settings)])
    parts = [
        page.paragraph(_measured(plan, summed)),
        *(page.paragraph(note) for note in plan.benchmark.notes),
        *(page.paragraph(f"{k}: {v}", "failure") for k, v in summed["failures"].items()),
        _numbers(summed),
        page.paragraph(_table_caption(plan)),
        *_figures(plan.benchmark, directory.figures),
        *_samples(directory),
        page.heading("Settings"),
        page.paragraph("To run it again, beside flags.txt:"),
        page.code("python -m experiments --flagfile=flags.txt --workdir=NEW"),
        page.block("settings", settings),
        page.heading("Versions"),
        page.table([["package", "version"], *page.pairs(versions())]),
    ]
    return page.page(title, parts)


def captions(benchmark: Benchmark) -> dict[str, str]:
    """Stem of a figure -> its caption, in the order of the page."""
    flow = "new sequences" if benchmark.flow is None else "validation sequences"
    curves = {
        name: f"{curve.y_label[:1].upper()}{curve.y_label[1:]} against {curve.x_label} "
        f"after training, on {_reported_data(benchmark)}."
        for name, curve in benchmark.curves.items()
    }
    return {
        "gradient_flow": (
            "Gradient norm against lag: L2 norm, over the units, of the total derivative of "
            "the loss at the last step with respect to the state, against the distance in "
            f"time; geometric mean over {flow}, which are not trained on. On the logarithmic "
            "axis exponential decay is a straight line; its slope is in the table."
        ),
        "learning_curves": (
            "Training loss over the loss of the best predictor without memory, and the "
            f"metrics on {_data('validation', benchmark.validation)}."
        ),
        **curves,
        "flow_training": (
            f"Gradient norm by training step and lag, on {flow}, above its slope, the "
            "training loss and the metrics. Does the gradient reach far back before the "
            "loss falls?"
        ),
        "gates_training": (
            f"Gates while training, on {flow}: their mean, how often they are open or "
            "closed, and the half-life that they imply, which is the number of steps after "
            "which a unit keeps half of its value if its gates stay as they are."
        ),
    }


def _data(name: str, data: Data) -> str:
    """The name of a set of sequences, in a sentence."""
    return f"the {name} set" if data.size else f"new {name} sequences"


def _reported_data(benchmark: Benchmark) -> str:
    if benchmark.test:
        return f"{_data('test', benchmark.test)}, at the best validation step"
    return _data("validation", benchmark.validation)


def _measured(plan: Plan, summed: Summary) -> str:
    """The sentence above the table."""
    return (
        f"{_seeds(plan)} each, on {summed['device']}: {timing(summed)}. The best predictor "
        f"without memory has a loss of {summed['baseline']:.6g} {summed['unit']}"
        f"{_others(summed['references'])}."
    )


def _others(references: Mapping[str, float]) -> str:
    """The losses of other predictors, as the rest of a sentence."""
    return "".join(f"; {name} {value:.6g}" for name, value in references.items())


def _seeds(plan: Plan) -> str:
    return f"{plan.run.seeds} seed{'' if plan.run.seeds == 1 else 's'}"


def _table_caption(plan: Plan) -> str:
    benchmark = plan.benchmark
    when = "" if benchmark.test else ", after the last step"
    return (
        f"Mean [smallest, largest] over {_seeds(plan)}. Loss and metrics are measured on "
        f"{_reported_data(benchmark)}{when}. Slopes are least squares over all lags of the "
        f"gradient norm; a half-life of inf means that the norm does not shrink."
    )


def _figures(benchmark: Benchmark, directory: Path) -> list[str]:
    """Every figure that was written, with its caption."""
    shown = {directory / f"{name}.svg": text for name, text in captions(benchmark).items()}
    return [page.figure(svg, text) for svg, text in shown.items() if svg.exists()]


def _samples(directory: Run) -> list[str]:
    """Samples of each cell before, halfway through and after training."""
    rows = directory.samples.read()
    parts = [page.heading("Samples")] if rows else []
    for cell in dict.fromkeys(row["cell"] for row in rows):
        mine = [row for row in rows if row["cell"] == cell]
        kept = {row["step"]: row for row in (mine[0], mine[len(mine) // 2], mine[-1])}
        for step, row in kept.items():
            parts += [page.paragraph(f"{cell}, step {step}:"), page.code(row["text"])]
    return parts


def _numbers(summed: Summary) -> str:
    """The table of results, each range on a line below its mean."""
    lines = [[cell.replace(" [", "\n[") for cell in row] for row in summary.rows(summed)]
    return page.block("numbers", page.table(lines))
