# SPDX-License-Identifier: Apache-2.0
"""The benchmarks, one file each, under their names on the command line."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from experiments.benchmark import Benchmark
from experiments.benchmarks.copy_memory import PRESETS, CopyMemory, copy_memory
from experiments.options import Value


class Entry(NamedTuple):
    """A registered benchmark.

    Attributes:
      config: its frozen config dataclass, whose fields become flags.
      build: `config -> Benchmark`.
      presets: name -> settings by flag name, a `default` among them.
    """

    config: Callable[..., Any]
    build: Callable[[Any], Benchmark]
    presets: Mapping[str, Mapping[str, Value]]


BENCHMARKS: dict[str, Entry] = {
    "copy_memory": Entry(CopyMemory, copy_memory, PRESETS),
}
