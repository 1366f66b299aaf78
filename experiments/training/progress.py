# SPDX-License-Identifier: Apache-2.0
"""Progress of a run: bars on a terminal, plain lines in a log."""

from collections.abc import Iterable, Mapping
from typing import Any

import rich.console
import rich.progress
import rich.table

from experiments.config.settings import Train


class Progress:
    """Show the progress of a run.

    Args:
      cells: the cells of the run, in order.
      train: how they are trained.

    Attributes:
      bars: context manager around training; its bars show on a terminal only.
    """

    def __init__(self, cells: Iterable[str], train: Train):
        self.train = train
        # Names come from the user and may look like markup.
        self.console = rich.console.Console(markup=False, highlight=False)
        self.bars = rich.progress.Progress(
            rich.progress.TextColumn("{task.description:>8}", markup=False),
            rich.progress.BarColumn(),
            rich.progress.MofNCompleteColumn(),
            rich.progress.TimeElapsedColumn(),
            rich.progress.TextColumn("{task.fields[status]}", markup=False),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.tasks = {
            cell: self.bars.add_task(cell, total=train.steps, start=False, status="")
            for cell in cells
        }

    def say(self, line: str) -> None:
        """Print a line."""
        self.console.print(line, soft_wrap=True)

    def begin(self, cell: str) -> None:
        """Show that a cell is being compiled."""
        self.bars.start_task(self.tasks[cell])
        self._status(cell, 0, "compiling")

    def update(self, cell: str, step: int, evaluation: Mapping[str, Any]) -> None:
        """Show the step that a cell has reached, with its evaluation."""
        means = {name: values.mean() for name, values in evaluation.items()}
        status = "  ".join(f"{name} {value:.4g}" for name, value in means.items())
        self._status(cell, step, status)
        marked = step % self.train.checkpoint_every == 0 or step == self.train.steps
        if self.bars.disable and marked:
            self.say(f"{cell}  step {step}/{self.train.steps}  {status}")

    def _status(self, cell: str, step: int, status: str) -> None:
        self.bars.update(self.tasks[cell], completed=step, status=status)

    def table(self, table: rich.table.Table) -> None:
        """Print a table."""
        self.console.print(table)
