# SPDX-License-Identifier: Apache-2.0
"""Summarize a run as plain data: summary.json and the tables that show it."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import rich.table

from experiments.launch.plan import Plan
from experiments.reporting import summary_file
from experiments.reporting.cell_numbers import best_evaluations, numbers_of
from experiments.reporting.summary_file import (
    is_tested,
    mean_and_range,
    metrics_of,
    reported_name,
    results_of,
    sites_in,
)
from experiments.runs.journal import encode
from experiments.training.cell_result import CellResult


Summary = dict[str, Any]
"""The content of summary.json."""

FLOW = "slope_init", "slope_trained", "half_life_init", "half_life_trained"


def summarize(
    plan: Plan,
    results: Mapping[str, CellResult],
    rows: Iterable[Mapping[str, Any]],
    total_seconds: float,
) -> Summary:
    """Everything that a run measured, as plain data.

    Args:
      plan: the plan.
      results: by cell.
      rows: the rows of metrics.jsonl.
      total_seconds: wall time of this process [s]; interrupted processes before it
        count in the seconds of training alone.
    """
    benchmark, best = plan.benchmark, best_evaluations(rows)
    metrics = benchmark.metrics.items()
    fits = [result.fit for result in results.values() if result.fit]
    return {
        "benchmark": plan.name,
        "preset": plan.run.preset,
        "baseline": benchmark.baseline,
        "chance": benchmark.memoryless,
        "metrics": {name: metric.unit for name, metric in metrics},
        "bounded": [name for name, metric in metrics if metric.bounded],
        "reported_on": "test" if benchmark.test else "validation",
        "references": dict(benchmark.references),
        "optimum": benchmark.optimum,
        "unit": benchmark.unit,
        "device": jax.devices()[0].device_kind,
        "seconds": {
            "total": total_seconds,
            "compile": sum(result.compile_seconds for result in results.values()),
            "train": sum(fit.seconds for fit in fits),
            "compute": sum(fit.computing for fit in fits),
        },
        "placement": {cell: result.placement for cell, result in results.items()},
        "failures": {cell: r.failure for cell, r in results.items() if r.failure},
        "results": [
            numbers_of(plan, cell, result, seed, best)
            for cell, result in results.items()
            for seed in range(plan.run.seeds)
        ],
    }


def to_json(summary: Summary) -> str:
    """The text of summary.json; a number that is not finite is null."""
    results = [json.loads(encode(result)) for result in results_of(summary)]
    return json.dumps({**summary, "results": results}, indent=2, allow_nan=False) + "\n"


def rows(summary: summary_file.Summary) -> list[list[str]]:
    """The table of the report: a head, then `mean [min, max]` over seeds of each cell."""
    sites = sites_in(summary)
    heads = _loss_heads(summary)
    for phase, when in (("init", "at init"), ("trained", "trained")):
        named = {f"slope_{phase}.{site}": f", {site}" for site in sites}
        for key, site in (named or {f"slope_{phase}": ""}).items():
            heads[key] = f"slope {when}{site} (nats/step)"
    last = f", {sites[-1]}" if sites else ""
    heads["half_life_init"] = f"half-life at init{last} (steps)"
    heads["half_life_trained"] = f"half-life trained{last} (steps)"
    lines = [["cell", "parameters", *heads.values()]]
    for cell, results in summary_file.by_cell(summary).items():
        shown = [_mean_and_range(key, results) for key in heads]
        lines.append([cell, f"{results[0]['parameters']:,}", *shown])
    return lines


def _loss_heads(summary: summary_file.Summary) -> dict[str, str]:
    """Key of a reported loss or metric -> head of its column."""
    loss = "test loss / baseline" if is_tested(summary) else "loss / baseline"
    metrics = [reported_name(summary, metric) for metric in metrics_of(summary)]
    return {"loss_over_baseline": loss, **{m: m.replace("_", " ") for m in metrics}}


def _mean_and_range(key: str, results: Sequence[Mapping[str, Any]]) -> str:
    """A half-life of null beside a known slope is infinite: gradient does not shrink."""
    values = [result[key] for result in results]
    slopes = [result.get(key.replace("half_life", "slope")) for result in results]
    if key.startswith("half_life") and all(steepness is not None for steepness in slopes):
        values = [math.inf if value is None else value for value in values]
    return mean_and_range(values)


def timing(summary: summary_file.Summary) -> str:
    """Where the time went. Cells run side by side, so their sum exceeds the total."""
    seconds = summary["seconds"]
    outside = 1 - seconds["compute"] / seconds["train"] if seconds["train"] else 0.0
    placements = dict.fromkeys(summary["placement"].values())
    return (
        f"{seconds['total']:.0f} s on the clock; added up over cells, "
        f"{seconds['compile']:.0f} s compiling and {seconds['train']:.0f} s training, "
        f"{outside:.1%} of it outside of the compiled steps; {'; '.join(placements)}"
    )


def terminal_table(summary: summary_file.Summary) -> rich.table.Table:
    """The table for a terminal: a line for each cell and seed."""
    flow = {key: key.replace("_", " ") for key in FLOW}
    heads = {"cell": "cell", "seed": "seed", **_loss_heads(summary), **flow}
    table = rich.table.Table(
        title=f"{summary['benchmark']}, slopes in nats/step, half-lives in steps",
        caption=timing(summary),
    )
    for head in heads.values():
        table.add_column(head, justify="right", overflow="fold")
    for result in results_of(summary):
        table.add_row(*(_number(result[key]) for key in heads))
    return table


def _number(value: str | int | float) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
