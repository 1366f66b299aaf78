# SPDX-License-Identifier: Apache-2.0
"""Compare several runs: read them and tabulate them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.config.errors import UsageError
from experiments.reporting.intervals import interval, text_of
from experiments.reporting.summary_file import by_cell, metrics_of, read_summary
from experiments.runs.names import METRICS, SUMMARY, SWEEP


LOSSES = "final_loss", "best_loss", "test_loss", "loss_over_baseline"


class Finished(NamedTuple):
    """A finished run.

    Attributes:
      name: the last part of its path.
      summary: summary.json.
      rows: metrics.jsonl.
    """

    name: str
    summary: dict[str, Any]
    rows: list[dict[str, Any]]


def read(path: Path) -> Finished:
    """A run from its directory.

    Raises:
      UsageError: there is none, or it is not finished.
    """
    if (path / SWEEP).exists():
        raise UsageError(f"{path} is a sweep: name its runs, as in {path}/*=*")
    try:
        summary = read_summary(path / SUMMARY)
        text = (path / METRICS).read_text(encoding="utf-8")
        return Finished(path.name, summary, [json.loads(line) for line in text.splitlines()])
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path} holds no finished run ({error}): finish it with --workdir={path} --resume"
        ) from None


def table(found: Sequence[Finished]) -> list[list[str]]:
    """A head, then a line for each cell of each run: means with their intervals."""
    keys = _columns(found)
    names = [key.replace("_", " ") for key in keys]
    lines = [["run", "cell", "seeds", "parameters", "ms a step", *names]]
    for run in found:
        for cell, results in by_cell(run.summary).items():
            numbers = _numbers(results, keys)
            lines.append([run.name, cell, str(len(results)), *numbers])
    return lines


def _columns(found: Sequence[Finished]) -> list[str]:
    """The keys of losses and metrics that any of the runs has."""
    metrics = list(dict.fromkeys(m for run in found for m in metrics_of(run.summary)))
    wanted = [*LOSSES, *metrics, *(f"test_{metric}" for metric in metrics)]
    known = {key for run in found for r in by_cell(run.summary).values() for key in r[0]}
    return [key for key in wanted if key in known]


def _numbers(results: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[str]:
    pace = [result["steps_per_second"] for result in results]
    pace = [np.nan if value is None else value for value in pace]
    return [
        f"{results[0]['parameters']:,}",
        f"{1000 / float(np.mean(pace)):.3g}",
        *(text_of(interval([result.get(key) for result in results])) for key in keys),
    ]
