# SPDX-License-Identifier: Apache-2.0
"""`--list`: every benchmark, with what is known of it before anything is trained."""

import textwrap
from pathlib import Path

from experiments.benchmarks.registry import BENCHMARKS
from experiments.config.errors import Refusal
from experiments.launch.plan import make_plan


WIDTH, INDENT = 88, 14


def listing(data: Path) -> str:
    """A paragraph for each benchmark.

    Args:
      data: where files are; of a benchmark without its files the chance is a formula.
    """
    paragraphs = []
    for name, entry in BENCHMARKS.items():
        about = entry.about
        lines = {
            "task": about.protocol,
            "chance": f"{about.chance}{_baseline(name, data)}",
            "published": about.published,
            "time": f"{about.takes} on two cores, default preset",
            "presets": ", ".join(entry.presets),
        }
        paragraphs.append("\n".join([name, *(_line(k, v) for k, v in lines.items())]))
    return "\n\n".join([*paragraphs, "python -m experiments --benchmark=NAME --preset=PRESET"])


def _line(label: str, text: str) -> str:
    margin = " " * INDENT
    first = f"  {label}".ljust(INDENT)
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=margin)


def _baseline(name: str, data: Path) -> str:
    """The loss without memory under the default preset."""
    try:
        benchmark = make_plan({"benchmark": name}, None, data).benchmark
    except Refusal:
        return " (its files are not here)"
    return f" ({benchmark.baseline:.6g} {benchmark.unit} by default)"
