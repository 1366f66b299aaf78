# SPDX-License-Identifier: Apache-2.0
"""Title and labels of figures: the task with its settings, the cells with theirs."""

import textwrap
from collections.abc import Mapping
from typing import NamedTuple

from experiments.config.options import options_of
from experiments.launch.plan import Plan


class Heading(NamedTuple):
    """Title, labels and seeds of every figure of a run.

    Attributes:
      title: the benchmark and its settings.
      labels: cell -> its name, width, biases, initializers and other settings.
      seeds: number of seeds.
    """

    title: str
    labels: Mapping[str, str]
    seeds: int

    def column_title(self, cell: str, width: int = 70) -> str:
        """The name of a cell, and its settings on lines of their own."""
        name, _, settings = self.labels[cell].partition(": ")
        return f"{name}\n{textwrap.fill(settings, width)}"


def heading_of(plan: Plan) -> Heading:
    """The heading of all figures of a plan."""
    labels = {cell: _label(cell, plan) for cell in plan.cells}
    return Heading(_title(plan), labels, plan.run.seeds)


def _title(plan: Plan) -> str:
    prefix = f"{plan.name}."
    fields = [
        f"{name.removeprefix(prefix)} {value}"
        for name, value in plan.settings.items()
        if name.startswith(prefix)
    ]
    return f"{plan.name} ({', '.join(fields)})" if fields else plan.name


def _label(cell: str, plan: Plan) -> str:
    """A cell with its width, biases, initializers, and every setting off its default."""
    settings = plan.settings
    parts = [f"H {settings.get(f'{cell}.hidden', settings['model.hidden'])}"]
    for name, option in options_of(plan.factories[cell]).items():
        value = settings.get(f"{cell}.{name}")
        shown = name.endswith(("_bias", "_init")) or value != option.default
        if shown and name != "hidden":
            parts.append(f"{name.replace('_', ' ')} {value}")
    return f"{cell}: {', '.join(parts)}"
