# SPDX-License-Identifier: Apache-2.0
"""Which value a setting has: its flag, the preset, `model.` settings, its default."""

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from experiments.benchmarks.base import BenchmarkSpec
from experiments.benchmarks.registry import BENCHMARKS
from experiments.config.errors import UsageError, check_known
from experiments.config.options import Option, Value, options_of
from experiments.config.settings import Model, RunConfig, Train
from experiments.launch.cells import Factory, load_factories
from experiments.launch.tasks import load_benchmark
from recur.cells import CELLS


SHARED = {
    "keep_bias": ("keep_bias", "forget_bias"),
    "chrono_steps": ("chrono_steps",),
    "recurrent_init": ("recurrent_init",),
    "input_init": ("input_init",),
}
"""Setting of `Model` -> the options of a cell that it may set."""


class Selection(NamedTuple):
    """The benchmark and the cells of a command line.

    Attributes:
      name: name of the benchmark.
      spec: the benchmark.
      factories: name -> factory of a cell.
    """

    name: str
    spec: BenchmarkSpec
    factories: dict[str, Factory]

    def targets(self) -> dict[str, Callable[..., Any]]:
        """Prefix of a setting -> the dataclass or factory that it belongs to."""
        registered = {f"{name}.": spec.config for name, spec in BENCHMARKS.items()}
        cells = {f"{name}.": cell for name, cell in {**CELLS, **self.factories}.items()}
        own = {f"{self.name}.": self.spec.config}
        return {"": RunConfig, "train.": Train, "model.": Model, **registered, **own, **cells}

    def options(self) -> dict[str, Option]:
        """Every setting, by flag name."""
        return {
            prefix + name: option
            for prefix, target in self.targets().items()
            for name, option in options_of(target).items()
        }


def select(benchmark: str, cells: str) -> Selection:
    """Load a benchmark and cells by their names.

    Raises:
      UsageError: as `load_benchmark` and `load_factories`.
    """
    name, spec = load_benchmark(benchmark)
    return Selection(name, spec, load_factories(cells, name))


def check_unchanged(chosen: Mapping[str, Value], saved: Mapping[str, Value]) -> None:
    """Check that no setting differs from the run to resume.

    Raises:
      UsageError: lists the settings that do.
    """
    changes = [
        f"--{name} was {saved.get(name, 'not set')}, is now {value}"
        for name, value in chosen.items()
        if saved.get(name) != value
    ]
    if changes:
        raise UsageError(
            f"this run was started with other settings: {'; '.join(changes)}. Leave "
            f"these flags out to resume it, or choose another --workdir"
        )


def check_owners(
    owners: Collection[str], options: Mapping[str, Option], chosen: Mapping[str, Value]
) -> None:
    """Check that every setting exists and has an effect.

    Raises:
      UsageError: names the first that does not.
    """
    for name in chosen:
        check_known("setting", name, options)
        owner = name.split(".")[0]
        if owner not in owners:
            raise UsageError(
                f"--{name} has no effect: {owner} is neither the --benchmark nor one of "
                f"the --cells; leave the flag out"
            )


def complete(
    selection: Selection, owners: Collection[str], chosen: Mapping[str, Value], preset: str
) -> dict[str, Value]:
    """Every setting in force, by flag name."""
    options = selection.options()
    given = {**selection.spec.presets[preset], **chosen}
    for name in given:
        check_known(f"setting in preset {preset} of {selection.name}", name, options)
    values = {name: option.default for name, option in options.items()}
    values |= {
        f"{cell}.{option}": given[f"model.{name}"]
        for cell, factory in selection.factories.items()
        for name, option in _shared_options(factory).items()
        if f"model.{name}" in given
    }
    values |= given
    return {
        name: value
        for name, value in values.items()
        if value is not None and name.split(".")[0] in owners
    }


def _shared_options(factory: Factory) -> dict[str, str]:
    """Setting of `Model` -> option of a cell that it sets."""
    names = inspect.signature(factory).parameters
    return {
        setting: option
        for setting, candidates in SHARED.items()
        for option in candidates
        if option in names
    }
