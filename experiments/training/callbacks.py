# SPDX-License-Identifier: Apache-2.0
"""Callbacks of the training loop, and the rows that they keep in a journal."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from experiments.runs.journal import Journal


class Callback(Protocol):
    """Called by the training loop after every evaluation."""

    def begin(self, step: int, states: Any) -> None:
        """Training starts at this step: drop what was recorded after it."""

    def record(self, step: int, states: Any) -> float:
        """Record a step; return the seconds of computation, 0 where nothing is recorded."""


class PeriodicRecorder(NamedTuple):
    """A callback that records every N updates, the state before training included.

    Attributes:
      cell: the cell whose rows are kept.
      every: N [steps].
      write: `(step, states) -> seconds`, appends to the journal.
      journal: where the rows go.
    """

    cell: str
    every: int
    write: Callable[[int, Any], float]
    journal: Journal

    def begin(self, step: int, states: Any) -> None:
        """Drop the rows that an earlier process wrote after this step."""
        last = step or -1
        self.journal.keep(lambda row: row["cell"] != self.cell or row["step"] <= last)
        if step == 0:
            self.record(0, states)

    def record(self, step: int, states: Any) -> float:
        """Write the rows of every N-th step."""
        return 0.0 if step % self.every else self.write(step, states)
