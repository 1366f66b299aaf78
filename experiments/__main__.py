# SPDX-License-Identifier: Apache-2.0
"""Train cells on a benchmark and report their gradient flow: the main command.

    python -m experiments --help
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.benchmarks.data.files import data_directory
from experiments.config.errors import UsageError
from experiments.launch import flags, sweeps
from experiments.launch.listing import listing
from experiments.launch.plan import Plan, make_plan
from experiments.runs.directory import Run, open_run
from experiments.runs.location import RunLocation, check_location, saved_settings
from experiments.runs.names import REPORT


def main(argv: Sequence[str]) -> int:
    """Run what the command line says.

    Returns:
      The exit status: 0 done; 1 a cell diverged or a file could not be written; 2 bad
      input; 128 + n stopped by signal n, to be resumed.
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
        location = RunLocation(
            values.workdir, bool(values.resume), bool(values.overwrite), values.mirror
        )
        check_location(location)
        chosen = sweeps.agreed(flags.given(values), sweeps.saved(location))
        points = sweeps.points(chosen)
        if len(points) > 1:
            return _sweep(location, chosen, points, data)
        (settings,) = points.values()
        plan = make_plan(settings, saved_settings(location), data)
        with open_run(location, plan.settings) as directory:
            return _run(plan, directory)
    except UsageError as error:
        print(f"recur: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"recur: {error}; what was saved can be resumed", file=sys.stderr)
        return 1


def _sweep(
    location: RunLocation,
    chosen: sweeps.Chosen,
    points: Mapping[str, Mapping[str, sweeps.Value]],
    data: Path,
) -> int:
    """Run every point of a sweep; all points are checked before the first one starts."""
    for settings in points.values():
        make_plan(settings, None, data)
    status = 0
    with sweeps.open_sweep(location, chosen) as path:
        for name, settings in points.items():
            inner = location._replace(workdir=str(path / name), overwrite=False)
            plan = make_plan(settings, saved_settings(inner), data)
            with open_run(inner, plan.settings) as directory:
                status = max(status, _run(plan, directory))
            if status > 2:
                return status
        from experiments.reporting import sweep_report

        sweep_report.write(path, list(points))
        print(f"sweep: {path / REPORT}")
    return status


def _run(plan: Plan, directory: Run) -> int:
    # orbax and matplotlib take seconds to import, too long for an error message.
    from experiments.reporting.summary import terminal_table
    from experiments.run import run
    from experiments.training.compile_cache import prepare
    from experiments.training.interrupts import Interrupted
    from experiments.training.progress import Progress

    prepare()
    progress = Progress(plan.cells, plan.train)
    with progress.bars:
        for note in (*directory.notes, *plan.benchmark.notes):
            progress.say(note)
        try:
            summary = run(plan, directory, progress)
        except Interrupted as error:
            progress.say(f"stopped by {error}; go on: --workdir={directory.path} --resume")
            return 128 + error.signum
    progress.table(terminal_table(summary))
    progress.say(f"report: {directory.path / REPORT}")
    return 1 if summary["failures"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
