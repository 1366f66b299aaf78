# SPDX-License-Identifier: Apache-2.0
"""Print the tables of the README, from the published runs.

    python -m experiments.results
"""

import csv
import pathlib

from experiments.reporting import summary
from experiments.reporting.summary_file import read_summary
from experiments.reporting.tables import markdown
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
    return markdown(summary.rows(read_summary(HERE / name / "summary.json")))


def lags(name: str) -> str:
    """The accuracy of each line of a published sweep by value, as a Markdown table."""
    rows = list(csv.DictReader((HERE / name / "horizon.csv").read_text().splitlines()))
    _, setting, _, _, metric = rows[0]
    values = list(dict.fromkeys(row[setting] for row in rows))
    head = [f"{metric.replace('_', ' ')} at {setting}", *values]
    names = dict.fromkeys(row["line"] for row in rows)
    found = {(row["line"], row[setting]): float(row[metric]) for row in rows}
    return markdown([head, *([n, *(f"{found[n, v]:.3g}" for v in values)] for n in names)])


def tables() -> dict[str, str]:
    """Title -> table, in the order of the README."""
    return {
        **{name: table(name) for name in FLOW},
        "Published numbers": markdown(papers.lines()),
        "Accuracy by lag": lags(LAGS),
        "GRU against LSTM": markdown(gru_lstm.lines()),
    }


if __name__ == "__main__":
    for title, text in tables().items():
        print(f"{title}\n\n{text}\n")
