# SPDX-License-Identifier: Apache-2.0
"""Read summary.json: the results of a run, one for each cell and seed."""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


Summary = Mapping[str, Any]
"""The content of summary.json."""

Result = Mapping[str, Any]
"""The numbers of one cell and seed."""


def read_summary(path: Path) -> dict[str, Any]:
    """The content of a file."""
    summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return summary


def results_of(summary: Summary) -> list[dict[str, Any]]:
    """The results of all cells and seeds; older files call them `runs`."""
    results: list[dict[str, Any]] = (
        summary["results"] if "results" in summary else summary["runs"]
    )
    return results


def by_cell(summary: Summary) -> dict[str, list[dict[str, Any]]]:
    """Cell -> its results, one for each seed."""
    found: dict[str, list[dict[str, Any]]] = {}
    for result in results_of(summary):
        found.setdefault(result["cell"], []).append(result)
    return found


def metrics_of(summary: Summary) -> list[str]:
    """The names of the metrics; older files know them by the value without memory."""
    return list(summary.get("metrics", summary["chance"]))


def is_tested(summary: Summary) -> bool:
    """Whether the reported numbers were measured on a test set."""
    return bool(summary.get("reported_on") == "test")


def reported_name(summary: Summary, metric: str) -> str:
    """The key of the reported value of a metric in a result."""
    return f"test_{metric}" if is_tested(summary) else metric


def reported_loss(summary: Summary, result: Result) -> float:
    """The reported loss of a cell and seed; NaN where training failed."""
    loss = result["test_loss" if is_tested(summary) else "final_loss"]
    return math.nan if loss is None else float(loss)


def sites_in(summary: Summary) -> list[str]:
    """The recurrences of a network with several; empty for one."""
    prefix = "slope_init."
    first = next(iter(results_of(summary)), {})
    return [key.removeprefix(prefix) for key in first if key.startswith(prefix)]


def mean_and_range(values: Iterable[float | None]) -> str:
    """`mean [min, max]`; a dash where nothing was measured."""
    known = [value for value in values if value is not None and not math.isnan(value)]
    if not known:
        return "-"
    mean = sum(known) / len(known)
    return f"{mean:.3g} [{min(known):.3g}, {max(known):.3g}]"
