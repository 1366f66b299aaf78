# SPDX-License-Identifier: Apache-2.0
"""The front door: flags -> plan -> run. `python -m experiments --help`."""

import sys
from collections.abc import Sequence

from experiments import flags, runs
from experiments.plan import Plan, make_plan
from experiments.refusal import Refusal


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
        place = runs.Place(
            values.workdir, bool(values.resume), bool(values.overwrite), values.mirror
        )
        runs.check_place(place)
        plan = make_plan(flags.given(values), runs.saved_settings(place))
        with runs.open_run(place, plan.settings) as directory:
            return _run(plan, directory)
    except Refusal as error:
        print(f"recur: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"recur: {error}; what was saved can be resumed", file=sys.stderr)
        return 1


def _run(plan: Plan, directory: runs.Run) -> int:
    # flax, orbax and matplotlib take seconds to import: a refusal must not wait for them.
    from experiments import bench, summary
    from experiments.interrupts import Interrupted
    from experiments.progress import Progress

    progress = Progress(plan.cells, plan.train)
    with progress.bars:
        for note in directory.notes:
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
