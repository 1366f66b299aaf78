# SPDX-License-Identifier: Apache-2.0
"""The front door: flags -> plan -> run. `python -m experiments --help`."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.benchmarks.data.files import data_directory
from experiments.config.errors import Refusal
from experiments.launch import flags, sweeps
from experiments.launch.listing import listing
from experiments.launch.plan import Plan, make_plan
from experiments.runs import directory as runs


def main(argv: Sequence[str]) -> int:
    """Run what the command line says.

    Returns:
      The exit status: 0 done; 1 a cell diverged or a file could not be written; 2 the
      input is refused; 128 + n stopped by signal n, to be resumed.
    """
    try:
        values = flags.parse(argv)
        if values.help:
            print(flags.help_text(values))
            return 0
        data = data_directory(values.data_dir)
        if values.list:
            print(listing(data))
            return 0
        place = runs.Place(
            values.workdir, bool(values.resume), bool(values.overwrite), values.mirror
        )
        runs.check_place(place)
        chosen = sweeps.agreed(flags.given(values), sweeps.saved(place))
        points = sweeps.points(chosen)
        if len(points) > 1:
            return _sweep(place, chosen, points, data)
        (settings,) = points.values()
        plan = make_plan(settings, runs.saved_settings(place), data)
        with runs.open_run(place, plan.settings) as directory:
            return _run(plan, directory)
    except Refusal as error:
        print(f"recur: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"recur: {error}; what was saved can be resumed", file=sys.stderr)
        return 1


def _sweep(
    place: runs.Place,
    chosen: sweeps.Chosen,
    points: Mapping[str, Mapping[str, sweeps.Value]],
    data: Path,
) -> int:
    """Every point of a sweep, in turn; nothing is begun before all are legal."""
    for settings in points.values():
        make_plan(settings, None, data)
    status = 0
    with sweeps.open_sweep(place, chosen) as path:
        for name, settings in points.items():
            inner = place._replace(workdir=str(path / name), overwrite=False)
            plan = make_plan(settings, runs.saved_settings(inner), data)
            with runs.open_run(inner, plan.settings) as directory:
                status = max(status, _run(plan, directory))
            if status > 2:
                return status
        from experiments.reporting import sweep_report as horizon

        horizon.write(path, list(points))
        print(f"sweep: {path / runs.REPORT}")
    return status


def _run(plan: Plan, directory: runs.Run) -> int:
    # flax, orbax and matplotlib take seconds to import: a refusal must not wait for them.
    from experiments import run as bench
    from experiments.reporting import summary
    from experiments.training import compile_cache as backend
    from experiments.training.interrupts import Interrupted
    from experiments.training.progress import Progress

    backend.prepare()
    progress = Progress(plan.cells, plan.train)
    with progress.bars:
        for note in (*directory.notes, *plan.benchmark.notes):
            progress.say(note)
        try:
            summed = bench.run(plan, directory, progress)
        except Interrupted as error:
            progress.say(f"stopped by {error}; go on: --workdir={directory.path} --resume")
            return 128 + error.signum
    progress.table(summary.table(plan, summed))
    progress.say(f"report: {directory.path / runs.REPORT}")
    return 1 if summed["failures"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
