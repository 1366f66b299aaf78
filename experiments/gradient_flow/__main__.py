# SPDX-License-Identifier: Apache-2.0
"""Look at the gradient flow of fresh or trained networks.

    python -m experiments.gradient_flow --cells=lstm,gru
    python -m experiments.gradient_flow --run=runs/mine --lab.analyses=lags,paths
    python -m experiments.gradient_flow --preset=paper

Networks are described by the flags of `python -m experiments`, or taken from a run
directory; everything lands in --workdir, for each analysis a page, a figure and its CSV.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from experiments.config.errors import Refusal
from experiments.config.options import Value
from experiments.gradient_flow.settings import Lab
from experiments.launch import flags
from experiments.launch.plan import Plan, construct, make_plan
from experiments.runs import directory as runs


DOOR = flags.Door(
    module="experiments.gradient_flow",
    place={
        "run": "directory of a run whose trained networks are looked at",
        "workdir": "where results go; RUN/gradient_flow or a new one under runs/ if not given",
        "overwrite": "replace the results in --workdir",
        "help": "show this and exit",
    },
    words=("run", "workdir"),
    configs={"lab.": Lab},
)

CLASSICS = "paper"
"""The preset that is a page of its own."""


class Request(NamedTuple):
    """What is asked for.

    Attributes:
      plan: the networks.
      lab: how they are looked at.
      run: where trained ones are, or None.
      directory: where results go.
    """

    plan: Plan
    lab: Lab
    run: Path | None
    directory: Path


def main(argv: Sequence[str]) -> int:
    """Do what the command line says.

    Returns:
      The exit status: 0 done, 1 a file could not be written, 2 the input is refused.
    """
    try:
        values = flags.parse(argv, DOOR)
        if values.help:
            print(flags.help_text(values, DOOR))
            return 0
        chosen = flags.given(values, DOOR)
        run = Path(values.run) if values.run is not None else None
        directory = _directory(values.workdir, run, bool(values.overwrite))
        if chosen.get("preset") == CLASSICS:
            _classics(chosen, run, directory)
        else:
            _look(_request(chosen, run, directory))
    except Refusal as error:
        print(f"recur: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"recur: {error}", file=sys.stderr)
        return 1
    return 0


def _directory(workdir: str | None, run: Path | None, overwrite: bool) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    default = run / runs.LABORATORY if run else Path(f"runs/gradient_flow-{stamp}")
    directory = Path(workdir) if workdir else default
    if directory.exists() and not (overwrite and directory.is_dir()):
        raise Refusal(
            f"--workdir={directory} exists: --overwrite replaces the results in it, or "
            f"choose another"
        )
    return directory


def _request(chosen: Mapping[str, Value], run: Path | None, directory: Path) -> Request:
    """The networks, and how to look at them.

    Raises:
      Refusal: what is chosen cannot be had.
    """
    own = {name: value for name, value in chosen.items() if name.startswith("lab.")}
    others = {name: value for name, value in chosen.items() if name not in own}
    lab = construct(Lab, "lab.", own)
    for name in others:
        if name.startswith("train."):
            raise Refusal(f"--{name} has no effect: nothing is trained here; leave it out")
    plan = make_plan(others) if run is None else _trained(others, run)
    steps = plan.benchmark.steps
    if lab.window > steps:
        raise Refusal(
            f"--lab.window={lab.window} is longer than the sequences: choose 1 to {steps}"
        )
    return Request(plan, lab, run, directory)


def _trained(chosen: Mapping[str, Value], run: Path) -> Plan:
    """The plan of a run, with the cells that are chosen of it."""
    saved = runs.saved_settings(runs.Place(str(run), True, False, None))
    if saved is None:
        raise Refusal(f"--run={run} holds no run (it has no {runs.CONFIG}): name another")
    rest = {name: value for name, value in chosen.items() if name != "cells"}
    plan = make_plan(rest, saved)
    names = str(chosen.get("cells", ",".join(plan.cells))).split(",")
    for name in names:
        if name not in plan.cells:
            raise Refusal(
                f"--cells: {name} was not trained in --run={run}, but {', '.join(plan.cells)}"
            )
    return plan._replace(cells={name: plan.cells[name] for name in names})


def _look(request: Request) -> None:
    # flax, orbax and matplotlib take seconds to import: a refusal must not wait for them.
    from experiments.gradient_flow.laboratory import look
    from experiments.training import compile_cache as backend

    backend.prepare()
    look(request.plan, request.lab, request.run, request.directory)


def _classics(chosen: Mapping[str, Value], run: Path | None, directory: Path) -> None:
    others = [f"--{name}" for name in chosen if name != "preset"]
    if others or run is not None:
        raise Refusal(
            f"--preset={CLASSICS} says all of what is drawn: leave out "
            f"{', '.join(others or ['--run'])}"
        )
    from experiments.gradient_flow.classics import classics
    from experiments.training import compile_cache as backend

    backend.prepare()
    classics(directory)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
