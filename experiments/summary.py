# SPDX-License-Identifier: Apache-2.0
"""`summary.json` and the table that ends a run: one object for each cell and seed."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import jax
import rich.table

from experiments.journal import encode
from experiments.plan import Plan
from recur import flow


if TYPE_CHECKING:
    from experiments.bench import Outcome

Summary = dict[str, Any]


def summarize(plan: Plan, outcomes: Mapping[str, "Outcome"], total: float) -> Summary:
    """Everything that a run says, as plain data.

    Args:
      plan: the plan.
      outcomes: by cell.
      total: wall time of this process [s].
    """
    compiling = sum(outcome.compile_seconds for outcome in outcomes.values())
    return {
        "benchmark": plan.front.benchmark,
        "preset": plan.front.preset,
        "baseline": plan.benchmark.baseline,
        "chance": plan.benchmark.chance,
        "device": jax.devices()[0].device_kind,
        "seconds": {"total": total, "compile": compiling, "run": total - compiling},
        "failures": {
            name: outcome.failure for name, outcome in outcomes.items() if outcome.failure
        },
        "runs": [
            _one(plan, name, outcome, seed)
            for name, outcome in outcomes.items()
            for seed in range(plan.front.seeds)
        ],
    }


def _one(plan: Plan, cell: str, outcome: "Outcome", seed: int) -> dict[str, Any]:
    evaluation = outcome.fit.evaluation if outcome.fit else {}
    loss = float(evaluation["eval_loss"][seed]) if evaluation else math.nan
    share = outcome.fit.seconds / plan.front.seeds if outcome.fit else math.nan
    return {
        "cell": cell,
        "seed": seed,
        "parameters": outcome.parameters,
        "final_loss": loss,
        "baseline": plan.benchmark.baseline,
        "loss_over_baseline": loss / plan.benchmark.baseline,
        **{
            name: float(evaluation[name][seed]) if evaluation else math.nan
            for name in plan.benchmark.chance
        },
        **_flow(outcome, seed, "init"),
        **_flow(outcome, seed, "trained"),
        "seconds": share,
        "compile_seconds": outcome.compile_seconds / plan.front.seeds,
    }


def _flow(outcome: "Outcome", seed: int, phase: str) -> dict[str, float]:
    curves = outcome.curves.get(phase)
    slope = float(flow.slope(curves["h"][seed])) if curves else math.nan
    half_life = float(flow.half_life(slope)) if curves else math.nan
    return {f"slope_{phase}": slope, f"half_life_{phase}": half_life}


def to_json(summary: Summary) -> str:
    """The text of summary.json; what is not finite, or not known, is null."""
    runs = [json.loads(encode(run)) for run in summary["runs"]]
    return json.dumps({**summary, "runs": runs}, indent=2, allow_nan=False) + "\n"


def rows(plan: Plan, summary: Summary) -> list[list[str]]:
    """The table: a head, then a line for each cell with `mean [min, max]` over seeds."""
    metrics = list(plan.benchmark.chance)
    columns = ["loss_over_baseline", *metrics]
    columns += ["slope_init", "slope_trained", "half_life_init", "half_life_trained"]
    head = ["cell", "parameters", "loss / baseline", *(m.replace("_", " ") for m in metrics)]
    head += ["slope at init (nats/step)", "slope trained (nats/step)"]
    head += ["half-life at init (steps)", "half-life trained (steps)"]
    lines = [head]
    for cell in plan.cells:
        runs = [run for run in summary["runs"] if run["cell"] == cell]
        spreads = [spread([run[column] for run in runs]) for column in columns]
        lines.append([cell, f"{runs[0]['parameters']:,}", *spreads])
    return lines


def spread(values: Iterable[float]) -> str:
    """`mean [min, max]`; a dash where nothing was measured."""
    values = list(values)
    if any(math.isnan(value) for value in values):
        return "-"
    mean = sum(values) / len(values)
    return f"{mean:.3g} [{min(values):.3g}, {max(values):.3g}]"


def table(plan: Plan, summary: Summary) -> rich.table.Table:
    """The table for a terminal: a line for each cell and seed."""
    metrics = list(plan.benchmark.chance)
    columns = ["cell", "seed", "loss_over_baseline", *metrics]
    columns += ["slope_init", "slope_trained", "half_life_init", "half_life_trained"]
    seconds = summary["seconds"]
    table = rich.table.Table(
        title=f"{plan.front.benchmark}, lag curves in nats a step, half-lives in steps",
        caption=f"{seconds['total']:.0f} s, {seconds['compile']:.0f} s of it compilation",
    )
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right", overflow="fold")
    for run in summary["runs"]:
        table.add_row(*(_number(run[column]) for column in columns))
    return table


def _number(value: str | int | float) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
