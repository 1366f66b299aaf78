# SPDX-License-Identifier: Apache-2.0
"""From settings to a `Plan`: which value wins, what is legal, what it builds.

A setting takes its value from the first that has one: its flag, the run that is
resumed, the preset, its default.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from experiments.benchmark import Benchmark
from experiments.options import Option, Value, arguments, options_of
from experiments.refusal import Refusal, check_known
from experiments.registry import BENCHMARKS
from experiments.settings import Front, Model, Train
from recur.cell import Cell
from recur.cells import CELLS


class Plan(NamedTuple):
    """All that decides what a run computes.

    Attributes:
      settings: every setting in force, by flag name.
      front: benchmark, preset, cells and seeds.
      train: how to train.
      benchmark: the task, built.
      cells: name -> cell, built.
    """

    settings: dict[str, Value]
    front: Front
    train: Train
    benchmark: Benchmark
    cells: dict[str, Cell]


def all_options() -> dict[str, Option]:
    """Every setting there is, by flag name."""
    groups: dict[str, Callable[..., Any]] = {
        "": Front,
        "train.": Train,
        "model.": Model,
        **{f"{name}.": entry.config for name, entry in BENCHMARKS.items()},
        **{f"{name}.": factory for name, factory in CELLS.items()},
    }
    return {
        prefix + name: option
        for prefix, target in groups.items()
        for name, option in options_of(target).items()
    }


def make_plan(
    chosen: Mapping[str, Value], saved: Mapping[str, Value] | None = None
) -> Plan:
    """The plan that the settings chosen describe.

    Args:
      chosen: settings by flag name; what they leave open comes from the preset.
      saved: all settings of the run to resume, or None.

    Raises:
      Refusal: a setting is unknown, illegal, without effect, or not the one saved.
    """
    if saved is not None:
        _check_unchanged(chosen, saved)
        chosen = saved
    front = construct(Front, "", chosen)
    _check_names(front)
    _check_owners(front, chosen)
    settings = _complete(front, chosen)
    construct(Model, "model.", settings)
    entry = BENCHMARKS[front.benchmark]
    config = construct(entry.config, f"{front.benchmark}.", settings)
    return Plan(
        settings=settings,
        front=front,
        train=construct(Train, "train.", settings),
        benchmark=entry.build(config),
        cells={name: _build_cell(name, settings) for name in front.cells.split(",")},
    )


def construct(
    target: Callable[..., Any], prefix: str, settings: Mapping[str, Value]
) -> Any:
    """Call a config or factory with the settings under its prefix.

    Raises:
      Refusal: the target refuses a value.
    """
    values = {n: settings[prefix + n] for n in options_of(target) if prefix + n in settings}
    label = f"{prefix.removesuffix('.')}: "
    try:
        return target(**arguments(target, values))
    except ValueError as error:
        raise Refusal(f"--{prefix}{str(error).removeprefix(label)}") from None


def _build_cell(name: str, settings: Mapping[str, Value]) -> Cell:
    hidden = settings.get(f"{name}.hidden", settings["model.hidden"])
    return construct(CELLS[name], f"{name}.", {**settings, f"{name}.hidden": hidden})


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


def _check_names(front: Front) -> None:
    check_known("benchmark", front.benchmark, BENCHMARKS)
    check_known("preset", front.preset, BENCHMARKS[front.benchmark].presets)
    cells = front.cells.split(",")
    for cell in cells:
        check_known("cell", cell, CELLS)
    if len(set(cells)) < len(cells):
        raise Refusal(f"--cells={front.cells} names a cell twice: name each once")


def _owners(front: Front) -> set[str]:
    """First words of the settings that take part."""
    cells = front.cells.split(",")
    return {*options_of(Front), "train", "model", front.benchmark, *cells}


def _check_owners(front: Front, chosen: Mapping[str, Value]) -> None:
    options, owners = all_options(), _owners(front)
    for name in chosen:
        check_known("setting", name, options)
        owner = name.split(".")[0]
        if owner not in owners:
            raise Refusal(
                f"--{name} has no effect: {owner} is neither the --benchmark nor one of "
                f"the --cells; leave the flag out"
            )


def _complete(front: Front, chosen: Mapping[str, Value]) -> dict[str, Value]:
    options, owners = all_options(), _owners(front)
    values = {name: option.default for name, option in options.items()}
    values |= {**BENCHMARKS[front.benchmark].presets[front.preset], **chosen}
    return {
        name: value
        for name, value in values.items()
        if value is not None and name.split(".")[0] in owners
    }
