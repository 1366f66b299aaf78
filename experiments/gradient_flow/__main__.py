# SPDX-License-Identifier: Apache-2.0
"""Analyse the gradient flow of fresh or trained networks.

    python -m experiments.gradient_flow --cells=lstm,gru
    python -m experiments.gradient_flow --run=runs/mine --lab.analyses=lags,paths
    python -m experiments.gradient_flow --preset=paper

The networks are described by the flags of `python -m experiments`, or read from a run
directory. Every analysis writes a page, a figure and its CSV into --workdir.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from experiments.benchmarks.data.files import data_directory
from experiments.config.errors import UsageError
from experiments.config.options import Value
from experiments.gradient_flow.settings import Lab
from experiments.launch import flags
from experiments.launch.plan import Plan, construct, make_plan, plan_of_run
from experiments.runs.directory import new_directory
from experiments.runs.names import LABORATORY


COMMAND = flags.Command(
    module="experiments.gradient_flow",
    flags={
        "run": "directory of a run whose trained networks are analysed",
        "workdir": "directory of the results; if not given, RUN/gradient_flow or a new one "
        "under runs/",
        "overwrite": "replace the results in --workdir",
        "data_dir": flags.FLAGS["data_dir"],
        "help": "show this and exit",
    },
    with_value=("run", "workdir", "data_dir"),
    configs={"lab.": Lab},
)

CLASSICS = "paper"
"""The preset with a page of its own."""


class Request(NamedTuple):
    """What to analyse.

    Attributes:
      plan: the networks.
      lab: settings of the analyses.
      run: directory of trained networks, or None.
      directory: directory of the results.
    """

    plan: Plan
    lab: Lab
    run: Path | None
    directory: Path


def main(argv: Sequence[str]) -> int:
    """Run the analyses of the command line.

    Returns:
      The exit status: 0 done, 1 a file could not be written, 2 bad input.
    """
    try:
        values = flags.parse(argv, COMMAND)
        if values.help:
            print(flags.help_text(values, COMMAND))
            return 0
        chosen = flags.given(values, COMMAND)
        run = Path(values.run) if values.run is not None else None
        data = data_directory(values.data_dir)
        directory = _directory(values.workdir, run, bool(values.overwrite))
        if chosen.get("preset") == CLASSICS:
            return _classics(chosen, run, directory)
        _analyse(_request(chosen, run, directory, data))
    except UsageError as error:
        print(f"recur: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"recur: {error}", file=sys.stderr)
        return 1
    return 0


def _directory(workdir: str | None, run: Path | None, overwrite: bool) -> Path:
    default = run / LABORATORY if run else Path(new_directory("gradient_flow"))
    directory = Path(workdir) if workdir else default
    if directory.exists() and not (overwrite and directory.is_dir()):
        raise UsageError(
            f"--workdir={directory} exists: --overwrite replaces the results in it, or "
            f"choose another"
        )
    return directory


def _request(
    chosen: Mapping[str, Value], run: Path | None, directory: Path, data: Path
) -> Request:
    """The networks and the settings of the analyses.

    Raises:
      UsageError: a setting is illegal or has no effect.
    """
    own = {name: value for name, value in chosen.items() if name.startswith("lab.")}
    others = {name: value for name, value in chosen.items() if name not in own}
    lab = construct(Lab, "lab.", own)
    for name in others:
        if name.startswith("train."):
            raise UsageError(f"--{name} has no effect: nothing is trained here; leave it out")
    plan = make_plan(others, None, data) if run is None else _trained(others, run, data)
    return Request(plan, lab, run, directory)


def _trained(chosen: Mapping[str, Value], run: Path, data: Path) -> Plan:
    """The plan of a run, with the chosen ones of its cells."""
    rest = {name: value for name, value in chosen.items() if name != "cells"}
    plan = plan_of_run(run, rest, data)
    names = str(chosen.get("cells", ",".join(plan.cells))).split(",")
    for name in names:
        if name not in plan.cells:
            raise UsageError(
                f"--cells: {name} was not trained in --run={run}, but {', '.join(plan.cells)}"
            )
    return plan._replace(cells={name: plan.cells[name] for name in names})


def _analyse(request: Request) -> None:
    # orbax and matplotlib take seconds to import, too long for an error message.
    from experiments.gradient_flow.laboratory import analyse
    from experiments.training.compile_cache import prepare

    prepare()
    analyse(request.plan, request.lab, request.run, request.directory)


def _classics(chosen: Mapping[str, Value], run: Path | None, directory: Path) -> int:
    others = [f"--{name}" for name in chosen if name != "preset"]
    if others or run is not None:
        raise UsageError(
            f"--preset={CLASSICS} takes no other setting: leave out "
            f"{', '.join(others or ['--run'])}"
        )
    from experiments.gradient_flow.classics import classics
    from experiments.training.compile_cache import prepare
    from experiments.training.interrupts import Interrupted

    prepare()
    try:
        classics(directory)
    except Interrupted as error:
        return 128 + error.signum
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
