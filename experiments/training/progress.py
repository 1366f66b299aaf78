# SPDX-License-Identifier: Apache-2.0
"""What a user sees while a run goes: a bar on a terminal, plain lines in a log."""

from collections.abc import Iterable

import rich.console
import rich.progress
import rich.table

from experiments.config.settings import Train
from experiments.training.trainer import Stretch


class Progress:
    """Reports on training.

    Args:
      cells: the cells of the run, in order.
      train: how they are trained.

    Attributes:
      bars: the context to train in; its bars are shown on a terminal alone.
    """

    def __init__(self, cells: Iterable[str], train: Train):
        self.train = train
        # Names and values come from the user: none of it is markup.
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
        """A cell is being compiled."""
        self.bars.start_task(self.tasks[cell])
        self._status(cell, 0, "compiling")

    def advance(self, cell: str, step: int, stretch: Stretch) -> None:
        """A cell has been trained up to a step."""
        means = {name: values.mean() for name, values in stretch.evaluation.items()}
        status = "  ".join(f"{name} {value:.4g}" for name, value in means.items())
        self._status(cell, step, status)
        marked = step % self.train.checkpoint_every == 0 or step == self.train.steps
        if self.bars.disable and marked:
            self.say(f"{cell}  step {step}/{self.train.steps}  {status}")

    def _status(self, cell: str, step: int, status: str) -> None:
        self.bars.update(self.tasks[cell], completed=step, status=status)

    def table(self, table: rich.table.Table) -> None:
        """Print the table that ends a run."""
        self.console.print(table)
