# SPDX-License-Identifier: Apache-2.0
"""A row of the registry: what a benchmark is made of, and what is said of it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from experiments.benchmarks.base import Benchmark
from experiments.config.options import Value


class About(NamedTuple):
    """A benchmark in words, before anything is built.

    Attributes:
      protocol: what is read and what is due, and whose it is.
      chance: what a predictor without memory gets, as a formula.
      published: what papers report, and where.
      takes: how long the default preset takes on two cores.
    """

    protocol: str
    chance: str
    published: str
    takes: str


class Entry(NamedTuple):
    """A registered benchmark.

    Attributes:
      config: its frozen config dataclass, whose fields become flags.
      build: `(config, data directory) -> Benchmark`.
      presets: name -> settings by flag name, a `default` among them.
      about: what `--list` says.
    """

    config: Callable[..., Any]
    build: Callable[[Any, Path], Benchmark]
    presets: Mapping[str, Mapping[str, Value]]
    about: About


def drawn(build: Callable[[Any], Benchmark]) -> Callable[[Any, Path], Benchmark]:
    """Of a benchmark that reads no file."""
    return lambda *given: build(given[0])
