# SPDX-License-Identifier: Apache-2.0
"""Compare several runs in one report.

    python -m experiments.compare RUN RUN ... --workdir=DIR

A table with the mean over seeds of each cell of each run, its interval, parameters and time
a step; learning curves on common axes; the same as CSV.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from experiments.config.errors import UsageError
from experiments.launch import flags
from experiments.reporting.comparison import read, table
from experiments.reporting.tables import markdown
from experiments.runs.names import REPORT


COMMAND = flags.Command(
    module="experiments.compare RUN RUN ...",
    flags={
        "workdir": "where the report goes; if not given, a new directory under runs/",
        "overwrite": "replace the report in --workdir",
        "help": "show this and exit",
    },
    with_value=("workdir",),
    configs={},
    run_settings=False,
)


def main(argv: Sequence[str]) -> int:
    """Write the report and print the table.

    Returns:
      The exit status: 0 done, 1 a file could not be written, 2 bad input.
    """
    try:
        values, names = flags.parse_words(argv, COMMAND)
        if values.help:
            print(flags.help_text(values, COMMAND))
            return 0
        if not names:
            raise UsageError("name the runs to compare: python -m experiments.compare RUN RUN")
        stamp = time.strftime("%Y%m%d-%H%M%S")
        path = Path(values.workdir or f"runs/comparison-{stamp}")
        if path.exists() and not (values.overwrite and path.is_dir()):
            raise UsageError(f"--workdir={path} exists: --overwrite replaces the report in it")
        found = [read(Path(name)) for name in names]
        print(markdown(table(found), text_columns=2))
        # matplotlib takes a second to import, too long for an error message.
        from experiments.reporting.comparison_report import write

        write(path, found)
        print(f"report: {path / REPORT}")
    except UsageError as error:
        print(f"recur: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"recur: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
