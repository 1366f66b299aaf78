# SPDX-License-Identifier: Apache-2.0
"""Curves over training, read from the rows of metrics.jsonl."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


Rows = Sequence[Mapping[str, Any]]
"""The rows of a journal."""


def series(rows: Rows, cell: str, name: str, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """Steps `[N]` and values `[S, N]` of a number, at the steps where every seed has it."""
    found: dict[int, dict[int, float]] = {}
    for row in rows:
        if row["cell"] == cell and row.get(name) is not None:
            found.setdefault(row["step"], {})[row["seed"]] = row[name]
    steps = [step for step, values in found.items() if len(values) == seeds]
    values = [[found[step][seed] for step in steps] for seed in range(seeds)]
    return np.array(steps), np.array(values)
