# SPDX-License-Identifier: Apache-2.0
"""`report.html`: the run on one page that can be sent to a colleague."""

from collections.abc import Mapping

from experiments.launch.plan import Plan
from experiments.reporting import page, summary
from experiments.reporting.summary import Summary, timing
from experiments.runs.directory import Run, versions


CAPTIONS = {
    "gradient_flow": (
        "How far back the loss of the last step is felt: the total derivative with "
        "respect to the state, against the distance in time. A straight line falls "
        "exponentially; its slope is in the table."
    ),
    "learning_curves": (
        "What training made of it: loss over that of the best predictor without "
        "memory, and the metrics of the task."
    ),
    "profile": "After training, on held-out sequences: where it holds, and where it ends.",
    "flow_training": (
        "Gradient flow while training, above what was learnt, on one time axis: does the "
        "gradient open before the loss falls?"
    ),
    "gates_training": (
        "Gates while training: their mean, how often they are open or closed, and after how "
        "many steps half of what a unit carries is left if they stay as they are."
    ),
}


def render(plan: Plan, run: Run, summed: Summary) -> str:
    """The page, from the summary and the figures in the run directory."""
    title = f"{plan.front.benchmark}: {', '.join(plan.cells)}"
    measured = (
        f"{plan.front.seeds} seeds each, on {summed['device']}: {timing(summed)}. The best "
        f"predictor without memory has a loss of {summed['baseline']:.6g} {summed['unit']}"
        f"{levels(summed['references'])}."
    )
    spread = (
        f"Mean [smallest, largest] over {plan.front.seeds} seeds. Slopes are least squares "
        f"over all lags; a half-life of inf does not shrink."
    )
    shown = [(run.figures / f"{name}.svg", text) for name, text in CAPTIONS.items()]
    settings = page.table([["setting", "value"], *page.pairs(plan.settings)])
    parts = [
        page.paragraph(measured),
        *(page.paragraph(note) for note in plan.benchmark.notes),
        *(page.paragraph(f"{k}: {v}", "failure") for k, v in summed["failures"].items()),
        _numbers(summed),
        page.paragraph(spread),
        *(page.figure(svg, text) for svg, text in shown if svg.exists()),
        *_samples(run),
        page.heading("Settings"),
        page.paragraph("To run it again, beside flags.txt:"),
        page.code("python -m experiments --flagfile=flags.txt --workdir=NEW"),
        page.block("settings", settings),
        page.heading("Versions"),
        page.table([["package", "version"], *page.pairs(versions())]),
    ]
    return page.page(title, parts)


def levels(references: Mapping[str, float]) -> str:
    """What other predictors have, as the rest of a sentence."""
    return "".join(f"; {name} {value:.6g}" for name, value in references.items())


def _samples(run: Run) -> list[str]:
    """What each cell wrote before, halfway through and after training."""
    rows = run.samples.read()
    parts = [page.heading("What they write")] if rows else []
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
