# SPDX-License-Identifier: Apache-2.0
"""From settings to a `Plan`: precedence, checks, construction.

A setting takes its value from the first of: its flag, the resumed run, the preset, the
`model.` setting for all cells, its default.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from experiments.benchmarks.base import Benchmark
from experiments.benchmarks.data.files import data_directory
from experiments.benchmarks.registry import BENCHMARKS
from experiments.config.errors import UsageError, check_known
from experiments.config.options import Value, arguments, options_of
from experiments.config.settings import Model, RunConfig, Train
from experiments.launch.cells import Factory, check_runs
from experiments.launch.precedence import (
    check_owners,
    check_unchanged,
    complete,
    select,
)
from experiments.launch.resources import check_resources
from experiments.launch.tasks import check_benchmark, load_benchmark
from experiments.networks.base import Network
from experiments.networks.recurrent import make_recurrent
from experiments.runs.location import RunLocation, saved_settings
from experiments.runs.names import CONFIG
from recur.cell import Cell
from recur.cells import CELLS


class Plan(NamedTuple):
    """Everything that decides what a run computes.

    Attributes:
      settings: every setting in force, by flag name.
      run: benchmark, preset, cells and seeds.
      model: the network around the cell.
      train: how to train.
      name: name of the benchmark.
      benchmark: the task.
      factories: name -> factory of a cell.
      cells: name -> cell.
    """

    settings: dict[str, Value]
    run: RunConfig
    model: Model
    train: Train
    name: str
    benchmark: Benchmark
    factories: dict[str, Factory]
    cells: dict[str, Cell]

    def network(self, cell: str) -> Network:
        """The network of a cell."""
        recurrent = make_recurrent(
            self.cells[cell], self.model.layers, self.model.precision
        )
        return self.benchmark.network(recurrent)


def make_plan(
    chosen: Mapping[str, Value],
    saved: Mapping[str, Value] | None = None,
    data: Path | None = None,
) -> Plan:
    """Resolve settings, check them, and build what they describe.

    Args:
      chosen: settings of the command line, by flag name.
      saved: all settings of the run to resume; None starts a new run.
      data: directory of data files; None is that of the environment.

    Raises:
      UsageError: a setting is unknown, illegal, has no effect, or changes a saved run.
    """
    if saved is not None:
        check_unchanged(chosen, saved)
        chosen = saved
    run = _run_config(chosen)
    selection = select(run.benchmark, run.cells)
    owners = {*options_of(RunConfig), "train", "model", selection.name, *selection.factories}
    check_owners(owners, selection.options(), chosen)
    settings = complete(selection, owners, chosen, run.preset)
    run = construct(RunConfig, "", settings)
    model = construct(Model, "model.", settings)
    train = construct(Train, "train.", settings)
    prefix = f"{selection.name}."
    config = construct(selection.spec.config, prefix, settings)
    with as_usage_error(prefix):
        benchmark = selection.spec.build(config, data or data_directory(None))
    if selection.name not in BENCHMARKS:
        check_benchmark(selection.name, benchmark)
    cells = {
        name: _build_cell(name, factory, settings)
        for name, factory in selection.factories.items()
    }
    plan = Plan(
        settings, run, model, train, selection.name, benchmark, selection.factories, cells
    )
    # Cells of one width have states of about one size: the first stands for all.
    check_resources(benchmark, plan.network(next(iter(cells))), train)
    return plan


def plan_of_run(run: Path, chosen: Mapping[str, Value], data: Path | None = None) -> Plan:
    """The plan of a run directory.

    Args:
      run: the directory.
      chosen: settings of the command line, which may only repeat those of the run.
      data: directory of data files; None is that of the environment.

    Raises:
      UsageError: it holds no run, a setting differs, or its files or cells are missing.
    """
    saved = saved_settings(RunLocation(str(run), resume=True))
    if saved is None:
        raise UsageError(f"--run={run} holds no run (it has no {CONFIG}): name another")
    return make_plan(chosen, saved, data)


def construct(
    target: Callable[..., Any], prefix: str, settings: Mapping[str, Value]
) -> Any:
    """Call a dataclass or factory with the settings under its prefix.

    Raises:
      UsageError: the target rejects a value.
    """
    values = {n: settings[prefix + n] for n in options_of(target) if prefix + n in settings}
    with as_usage_error(prefix):
        return target(**arguments(target, values))


@contextlib.contextmanager
def as_usage_error(prefix: str) -> Iterator[None]:
    """Turn a ValueError that starts with the name of a setting into a `UsageError`."""
    label = f"{prefix.removesuffix('.')}: "
    try:
        yield
    except ValueError as error:
        raise UsageError(f"--{prefix}{str(error).removeprefix(label)}") from None


def _run_config(chosen: Mapping[str, Value]) -> RunConfig:
    """Benchmark, preset and cells; the preset may name the cells."""
    first: RunConfig = construct(RunConfig, "", chosen)
    name, spec = load_benchmark(first.benchmark)
    check_known(f"preset of {name}", first.preset, spec.presets)
    preset = spec.presets[first.preset]
    return construct(RunConfig, "", {**preset, **chosen})


def _build_cell(name: str, factory: Factory, settings: Mapping[str, Value]) -> Cell:
    hidden = settings.get(f"{name}.hidden", settings["model.hidden"])
    cell = construct(factory, f"{name}.", {**settings, f"{name}.hidden": hidden})
    if name not in CELLS:
        check_runs(name, cell)
    return cell
