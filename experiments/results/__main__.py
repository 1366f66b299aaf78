# SPDX-License-Identifier: Apache-2.0
"""The tables of the README, drawn from the published runs.

    python -m experiments.results
"""

import csv
import json
import pathlib
from collections.abc import Sequence

from experiments.reporting import summary
from experiments.results import gru_lstm, papers


HERE = pathlib.Path(__file__).parent

FLOW = ("copy_memory", "copy_memory_zero_bias")
"""Runs that are shown with their gradient flow."""

LAGS = "copy_memory_lags"
"""A sweep."""


def table(name: str) -> str:
    """A published run as a Markdown table.

    Args:
      name: its folder.
    """
    return markdown(summary.rows(json.loads((HERE / name / "summary.json").read_text())))


def lags(name: str) -> str:
    """The accuracy of each line of a published sweep, by value, as a Markdown table."""
    rows = list(csv.DictReader((HERE / name / "horizon.csv").read_text().splitlines()))
    _, setting, _, _, metric = rows[0]
    values = list(dict.fromkeys(row[setting] for row in rows))
    head = [f"{metric.replace('_', ' ')} at {setting}", *values]
    names = dict.fromkeys(row["line"] for row in rows)
    found = {(row["line"], row[setting]): float(row[metric]) for row in rows}
    return markdown([head, *([n, *(f"{found[n, v]:.3g}" for v in values)] for n in names)])


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """The lines of a table, its head first."""
    head, *rest = lines
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rest))


def tables() -> dict[str, str]:
    """Everything that the README shows, by title."""
    return {
        **{name: table(name) for name in FLOW},
        "What papers say": markdown(papers.lines()),
        "Accuracy by lag": lags(LAGS),
        "GRU against LSTM": markdown(gru_lstm.lines()),
    }


if __name__ == "__main__":
    for title, text in tables().items():
        print(f"{title}\n\n{text}\n")
