# SPDX-License-Identifier: Apache-2.0
"""Compute the numbers of one cell and seed in summary.json."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from experiments.benchmarks.base import Benchmark
from experiments.launch.plan import Plan
from experiments.reporting.sites import output_of, sites_of
from experiments.training.cell_result import CellResult
from experiments.training.evaluation import LOSS
from recur import flow


Best = Mapping[tuple[str, int], tuple[float, int]]
"""(cell, seed) -> (lowest validation loss, its step)."""


def best_evaluations(rows: Iterable[Mapping[str, Any]]) -> Best:
    """The lowest validation loss of each cell and seed, and the step that has it."""
    found: dict[tuple[str, int], tuple[float, int]] = {}
    for row in rows:
        if row.get("eval_loss") is not None:
            key, value = (row["cell"], row["seed"]), (row["eval_loss"], row["step"])
            found[key] = min(found.get(key, value), value)
    return found


def numbers_of(
    plan: Plan, cell: str, result: CellResult, seed: int, best: Best
) -> dict[str, Any]:
    """The numbers of one cell and seed; NaN where training failed."""
    benchmark, fit = plan.benchmark, result.fit
    losses = _losses(benchmark, result, seed)
    share = fit.seconds / plan.run.seeds if fit else math.nan
    steps_per_second = plan.train.steps / share
    best_loss, best_step = best.get((cell, seed), (math.nan, 0))
    reported = losses["test_loss" if benchmark.test else "final_loss"]
    return {
        "cell": cell,
        "seed": seed,
        "parameters": result.parameters,
        **losses,
        "best_loss": best_loss,
        "best_step": best_step,
        "baseline": benchmark.baseline,
        "loss_over_baseline": reported / benchmark.baseline,
        **_slopes(result, seed),
        "seconds": share,
        "steps_per_second": steps_per_second,
        "tokens_per_second": steps_per_second * plan.train.batch * benchmark.steps,
        "compile_seconds": result.compile_seconds / plan.run.seeds,
    }


def _losses(benchmark: Benchmark, result: CellResult, seed: int) -> dict[str, float]:
    """Loss and metrics on validation data, and on the test set where there is one."""
    names = [LOSS, *benchmark.metrics]
    sets: dict[str, Mapping[str, np.ndarray]] = {
        "": result.fit.evaluation if result.fit else {}
    }
    if benchmark.test:
        test = result.test or {}
        sets |= {"test_": test.get("best", {}), "final_test_": test.get("final", {})}
    found = {
        prefix + name: float(values[name][seed]) if name in values else math.nan
        for prefix, values in sets.items()
        for name in names
    }
    return {"final_loss": found.pop(LOSS), **found}


def _slopes(result: CellResult, seed: int) -> dict[str, float]:
    """Slopes of the output nearest to the loss, then of every one of several sites."""
    found = {}
    names = next(iter(result.flow.values()), {})
    sites = sites_of(names)
    shown = {"": sites[-1], **({f".{site}": site for site in sites} if sites[1:] else {})}
    for suffix, site in shown.items():
        for phase in ("init", "trained"):
            curves = result.flow.get(phase)
            slope = flow.slope(curves[output_of(site)][seed]) if curves else math.nan
            found[f"slope_{phase}{suffix}"] = float(slope)
            found[f"half_life_{phase}{suffix}"] = float(flow.half_life(slope))
    return found
