# SPDX-License-Identifier: Apache-2.0
"""`--list`: a paragraph for every benchmark."""

import textwrap
from pathlib import Path

from experiments.benchmarks.registry import BENCHMARKS
from experiments.config.errors import UsageError
from experiments.launch.plan import make_plan


WIDTH, INDENT = 88, 14


def listing(data: Path) -> str:
    """A paragraph for each benchmark.

    Args:
      data: directory of data files; without them, chance is given as a formula only.
    """
    paragraphs = []
    for name, spec in BENCHMARKS.items():
        text = spec.description
        lines = {
            "task": text.task,
            "chance": f"{text.chance}{_baseline(name, data)}",
            "published": text.published,
            "time": f"{text.time} on two cores, default preset",
            "presets": ", ".join(spec.presets),
        }
        paragraphs.append("\n".join([name, *(_line(k, v) for k, v in lines.items())]))
    return "\n\n".join([*paragraphs, "python -m experiments --benchmark=NAME --preset=PRESET"])


def _line(label: str, text: str) -> str:
    margin = " " * INDENT
    first = f"  {label}".ljust(INDENT)
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=margin)


def _baseline(name: str, data: Path) -> str:
    """The loss of the memoryless predictor under the default preset."""
    try:
        benchmark = make_plan({"benchmark": name}, None, data).benchmark
    except UsageError:
        return " (its files are not here)"
    return f" ({benchmark.baseline:.6g} {benchmark.unit} by default)"
