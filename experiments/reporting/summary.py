# SPDX-License-Identifier: Apache-2.0
"""`summary.json` and the table that ends a run: one object for each cell and seed."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import rich.table

from experiments.launch.plan import Plan
from experiments.runs.journal import encode
from experiments.training.cell_result import Outcome
from recur import flow


Summary = dict[str, Any]


def summarize(
    plan: Plan,
    outcomes: Mapping[str, Outcome],
    journal: Iterable[Mapping[str, Any]],
    total: float,
) -> Summary:
    """Everything that a run says, as plain data.

    Args:
      plan: the plan.
      outcomes: by cell.
      journal: the rows of metrics.jsonl.
      total: wall time of this process [s]; that of earlier, interrupted ones is in
        the seconds of training alone.
    """
    best = best_evaluations(journal)
    fits = [outcome.fit for outcome in outcomes.values() if outcome.fit]
    return {
        "benchmark": plan.front.benchmark,
        "preset": plan.front.preset,
        "baseline": plan.benchmark.baseline,
        "chance": plan.benchmark.chance,
        "references": plan.benchmark.references,
        "optimum": plan.benchmark.optimum,
        "unit": plan.benchmark.unit,
        "device": jax.devices()[0].device_kind,
        "seconds": {
            "total": total,
            "compile": sum(outcome.compile_seconds for outcome in outcomes.values()),
            "train": sum(fit.seconds for fit in fits),
            "compute": sum(fit.computing for fit in fits),
        },
        "placement": {name: outcome.placement for name, outcome in outcomes.items()},
        "failures": {
            name: outcome.failure for name, outcome in outcomes.items() if outcome.failure
        },
        "runs": [
            _one(plan, name, outcome, seed, best)
            for name, outcome in outcomes.items()
            for seed in range(plan.front.seeds)
        ],
    }


Best = Mapping[tuple[str, int], tuple[float, int]]
"""(cell, seed) -> (least held-out loss, its step)."""


def best_evaluations(journal: Iterable[Mapping[str, Any]]) -> Best:
    """The least loss on held-out sequences while training, and when it was had."""
    found: dict[tuple[str, int], tuple[float, int]] = {}
    for row in journal:
        if row.get("eval_loss") is not None:
            whose = row["cell"], row["seed"]
            here = row["eval_loss"], row["step"]
            found[whose] = min(found.get(whose, here), here)
    return found


def _one(
    plan: Plan, cell: str, outcome: Outcome, seed: int, best: Best
) -> dict[str, Any]:
    evaluation = outcome.fit.evaluation if outcome.fit else {}
    loss = float(evaluation["eval_loss"][seed]) if evaluation else math.nan
    share = outcome.fit.seconds / plan.front.seeds if outcome.fit else math.nan
    steps_per_second = plan.train.steps / share
    least, when = best.get((cell, seed), (math.nan, 0))
    return {
        "cell": cell,
        "seed": seed,
        "parameters": outcome.parameters,
        "final_loss": loss,
        "best_loss": least,
        "best_step": when,
        "baseline": plan.benchmark.baseline,
        "loss_over_baseline": loss / plan.benchmark.baseline,
        **{
            name: float(evaluation[name][seed]) if evaluation else math.nan
            for name in plan.benchmark.chance
        },
        **_flow(outcome, seed, "init"),
        **_flow(outcome, seed, "trained"),
        "seconds": share,
        "steps_per_second": steps_per_second,
        "tokens_per_second": steps_per_second * plan.train.batch * plan.benchmark.steps,
        "compile_seconds": outcome.compile_seconds / plan.front.seeds,
    }


def _flow(outcome: Outcome, seed: int, phase: str) -> dict[str, float]:
    curves = outcome.curves.get(phase)
    slope = float(flow.slope(curves["h"][seed])) if curves else math.nan
    half_life = float(flow.half_life(slope)) if curves else math.nan
    return {f"slope_{phase}": slope, f"half_life_{phase}": half_life}


def to_json(summary: Summary) -> str:
    """The text of summary.json; what is not finite, or not known, is null."""
    runs = [json.loads(encode(run)) for run in summary["runs"]]
    return json.dumps({**summary, "runs": runs}, indent=2, allow_nan=False) + "\n"


def rows(summary: Mapping[str, Any]) -> list[list[str]]:
    """The table: a head, then a line for each cell with `mean [min, max]` over seeds."""
    metrics = list(summary["chance"])
    columns = ["loss_over_baseline", *metrics]
    columns += ["slope_init", "slope_trained", "half_life_init", "half_life_trained"]
    head = ["cell", "parameters", "loss / baseline", *(m.replace("_", " ") for m in metrics)]
    head += ["slope at init (nats/step)", "slope trained (nats/step)"]
    head += ["half-life at init (steps)", "half-life trained (steps)"]
    lines = [head]
    for cell in dict.fromkeys(run["cell"] for run in summary["runs"]):
        runs = [run for run in summary["runs"] if run["cell"] == cell]
        spreads = [_spread_of(column, runs) for column in columns]
        lines.append([cell, f"{runs[0]['parameters']:,}", *spreads])
    return lines


def _spread_of(column: str, runs: Sequence[Mapping[str, Any]]) -> str:
    """In summary.json a half-life that is not finite is null: it does not shrink."""
    values = [run[column] for run in runs]
    slopes = [run.get(column.replace("half_life", "slope")) for run in runs]
    if column.startswith("half_life") and all(slope is not None for slope in slopes):
        values = [math.inf if value is None else value for value in values]
    return spread(values)


def spread(values: Iterable[float | None]) -> str:
    """`mean [min, max]`; a dash where nothing was measured."""
    known = [value for value in values if value is not None and not math.isnan(value)]
    if not known:
        return "-"
    mean = sum(known) / len(known)
    return f"{mean:.3g} [{min(known):.3g}, {max(known):.3g}]"


def timing(summary: Summary) -> str:
    """Where the time went. Cells run side by side, so their sum exceeds the total."""
    seconds = summary["seconds"]
    outside = 1 - seconds["compute"] / seconds["train"] if seconds["train"] else 0.0
    placements = dict.fromkeys(summary["placement"].values())
    return (
        f"{seconds['total']:.0f} s on the clock; added up over cells, "
        f"{seconds['compile']:.0f} s compiling and {seconds['train']:.0f} s training, "
        f"{outside:.1%} of it outside of the compiled steps; {'; '.join(placements)}"
    )


def table(plan: Plan, summary: Summary) -> rich.table.Table:
    """The table for a terminal: a line for each cell and seed."""
    metrics = list(plan.benchmark.chance)
    columns = ["cell", "seed", "loss_over_baseline", *metrics]
    columns += ["slope_init", "slope_trained", "half_life_init", "half_life_trained"]
    table = rich.table.Table(
        title=f"{plan.front.benchmark}, lag curves in nats a step, half-lives in steps",
        caption=timing(summary),
    )
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right", overflow="fold")
    for run in summary["runs"]:
        table.add_row(*(_number(run[column]) for column in columns))
    return table


def _number(value: str | int | float) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
