# SPDX-License-Identifier: Apache-2.0
"""From settings to a `Plan`: which value wins, what is legal, what it builds.

A setting takes its value from the first that has one: its flag, the run that is
resumed, the preset, its default.
"""

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from experiments.benchmarks.base import Benchmark
from experiments.benchmarks.data.files import data_directory
from experiments.benchmarks.registry import BENCHMARKS
from experiments.config.errors import Refusal, check_known
from experiments.config.options import Option, Value, arguments, options_of
from experiments.config.settings import Front, Model, Train
from experiments.launch.cells import Factory, check_runs, load_factories
from experiments.launch.resources import check_fits
from recur.cell import Cell
from recur.cells import CELLS


class Plan(NamedTuple):
    """All that decides what a run computes.

    Attributes:
      settings: every setting in force, by flag name.
      front: benchmark, preset, cells and seeds.
      model: the network around the cell.
      train: how to train.
      benchmark: the task, built.
      factories: name -> what builds a cell.
      cells: name -> cell, built.
    """

    settings: dict[str, Value]
    front: Front
    model: Model
    train: Train
    benchmark: Benchmark
    factories: dict[str, Factory]
    cells: dict[str, Cell]


OTHERS: dict[str, Callable[..., Any]] = {
    "": Front,
    "train.": Train,
    "model.": Model,
    **{f"{name}.": entry.config for name, entry in BENCHMARKS.items()},
}
"""Prefix of a setting -> what it is a setting of, cells apart."""


def named_cells(text: str) -> dict[str, Factory]:
    """Name -> factory of every cell in `--cells`.

    Raises:
      Refusal: as `load_factories`.
    """
    prefixes = [prefix.removesuffix(".") for prefix in OTHERS]
    return load_factories(text, {*prefixes, *options_of(Front)})


def all_options(factories: Mapping[str, Factory]) -> dict[str, Option]:
    """Every setting there is, by flag name, those of these cells among them."""
    cells = {f"{name}.": factory for name, factory in {**CELLS, **factories}.items()}
    return {
        prefix + name: option
        for prefix, target in {**OTHERS, **cells}.items()
        for name, option in options_of(target).items()
    }


def make_plan(
    chosen: Mapping[str, Value],
    saved: Mapping[str, Value] | None = None,
    data: Path | None = None,
) -> Plan:
    """The plan that the settings chosen describe.

    Args:
      chosen: settings by flag name; what they leave open comes from the preset.
      saved: all settings of the run to resume, or None.
      data: where files are; None is the default.

    Raises:
      Refusal: a setting is unknown, illegal, without effect, or not the one saved.
    """
    if saved is not None:
        _check_unchanged(chosen, saved)
        chosen = saved
    front = construct(Front, "", chosen)
    check_known("benchmark", front.benchmark, BENCHMARKS)
    check_known("preset", front.preset, BENCHMARKS[front.benchmark].presets)
    preset = BENCHMARKS[front.benchmark].presets[front.preset]
    front = construct(Front, "", {**preset, **chosen})
    factories = named_cells(front.cells)
    owners = {*options_of(Front), "train", "model", front.benchmark, *factories}
    options = all_options(factories)
    _check_owners(owners, options, chosen)
    settings = _complete(front, owners, options, chosen)
    model = construct(Model, "model.", settings)
    entry = BENCHMARKS[front.benchmark]
    train = construct(Train, "train.", settings)
    prefix = f"{front.benchmark}."
    config = construct(entry.config, prefix, settings)
    with as_refusal(prefix):
        benchmark = entry.build(config, data or data_directory(None))
    check_fits(benchmark, model, train)
    return Plan(
        settings=settings,
        front=front,
        model=model,
        train=train,
        benchmark=benchmark,
        factories=factories,
        cells={
            name: _build_cell(name, factory, settings, benchmark.input_size)
            for name, factory in factories.items()
        },
    )


def construct(
    target: Callable[..., Any], prefix: str, settings: Mapping[str, Value]
) -> Any:
    """Call a config or factory with the settings under its prefix.

    Raises:
      Refusal: the target refuses a value.
    """
    values = {n: settings[prefix + n] for n in options_of(target) if prefix + n in settings}
    with as_refusal(prefix):
        return target(**arguments(target, values))


@contextlib.contextmanager
def as_refusal(prefix: str) -> Iterator[None]:
    """A ValueError that begins with the name of a setting, as what the user reads."""
    label = f"{prefix.removesuffix('.')}: "
    try:
        yield
    except ValueError as error:
        raise Refusal(f"--{prefix}{str(error).removeprefix(label)}") from None


def _build_cell(
    name: str, factory: Factory, settings: Mapping[str, Value], input_size: int
) -> Cell:
    hidden = settings.get(f"{name}.hidden", settings["model.hidden"])
    cell = construct(factory, f"{name}.", {**settings, f"{name}.hidden": hidden})
    if name not in CELLS:
        check_runs(name, cell, input_size)
    return cell


def _check_unchanged(chosen: Mapping[str, Value], saved: Mapping[str, Value]) -> None:
    changes = [
        f"--{name} was {saved.get(name, 'not set')}, is now {value}"
        for name, value in chosen.items()
        if saved.get(name) != value
    ]
    if changes:
        raise Refusal(
            f"this run was started with other settings: {'; '.join(changes)}. Leave "
            f"these flags out to resume it, or choose another --workdir"
        )


def _check_owners(
    owners: Collection[str], options: Mapping[str, Option], chosen: Mapping[str, Value]
) -> None:
    for name in chosen:
        check_known("setting", name, options)
        owner = name.split(".")[0]
        if owner not in owners:
            raise Refusal(
                f"--{name} has no effect: {owner} is neither the --benchmark nor one of "
                f"the --cells; leave the flag out"
            )


def _complete(
    front: Front,
    owners: Collection[str],
    options: Mapping[str, Option],
    chosen: Mapping[str, Value],
) -> dict[str, Value]:
    values = {name: option.default for name, option in options.items()}
    values |= {**BENCHMARKS[front.benchmark].presets[front.preset], **chosen}
    return {
        name: value
        for name, value in values.items()
        if value is not None and name.split(".")[0] in owners
    }
