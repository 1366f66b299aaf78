# SPDX-License-Identifier: Apache-2.0
"""Several runs in one report.

    python -m experiments.compare RUN RUN ... --workdir=DIR

A table with the mean over seeds of each cell of each run, its interval, parameters and time
a step; learning curves on common axes; the same as CSV.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.config.errors import Refusal
from experiments.launch import flags
from experiments.reporting.intervals import estimate, words
from experiments.runs import directory as runs


DOOR = flags.Door(
    module="experiments.compare RUN RUN ...",
    place={
        "workdir": "where the report goes; a new directory under runs/ if not given",
        "overwrite": "replace the report in --workdir",
        "help": "show this and exit",
    },
    words=("workdir",),
    configs={},
    describes=False,
)

TABLE, CURVES = "comparison.csv", "curves"

FIXED = ("parameters", "ms a step", "final loss", "best loss", "loss over baseline")


class Finished(NamedTuple):
    """A run that came to its end.

    Attributes:
      name: the last part of its path.
      summary: summary.json.
      rows: metrics.jsonl.
    """

    name: str
    summary: dict[str, Any]
    rows: list[dict[str, Any]]


def main(argv: Sequence[str]) -> int:
    """Write the report and print the table.

    Returns:
      The exit status: 0 done, 1 a file could not be written, 2 the input is refused.
    """
    try:
        values, names = flags.parse_words(argv, DOOR)
        if values.help:
            print(flags.help_text(values, DOOR))
            return 0
        if not names:
            raise Refusal("name the runs to compare: python -m experiments.compare RUN RUN")
        stamp = time.strftime("%Y%m%d-%H%M%S")
        path = Path(values.workdir or f"runs/comparison-{stamp}")
        if path.exists() and not (values.overwrite and path.is_dir()):
            raise Refusal(f"--workdir={path} exists: --overwrite replaces the report in it")
        found = [read(Path(name)) for name in names]
        print("\n".join(markdown(table(found))))
        write(path, found)
        print(f"report: {path / runs.REPORT}")
    except Refusal as error:
        print(f"recur: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"recur: {error}", file=sys.stderr)
        return 1
    return 0


def read(path: Path) -> Finished:
    """A run from its directory.

    Raises:
      Refusal: there is none, or it is not finished.
    """
    if (path / runs.SWEEP).exists():
        raise Refusal(f"{path} is a sweep: name its runs, as in {path}/*=*")
    try:
        summary = json.loads((path / runs.SUMMARY).read_text(encoding="utf-8"))
        text = (path / runs.METRICS).read_text(encoding="utf-8")
        return Finished(path.name, summary, [json.loads(line) for line in text.splitlines()])
    except (OSError, ValueError) as error:
        raise Refusal(
            f"{path} holds no finished run ({error}): finish it with --workdir={path} --resume"
        ) from None


def write(path: Path, found: Sequence[Finished]) -> None:
    """The report, the table as CSV and the figure."""
    # matplotlib takes seconds to import: a refusal must not wait for it.
    from experiments.reporting import page
    from experiments.reporting.comparison_figure import draw
    from experiments.reporting.drawing import write_csv
    from experiments.runs.atomic import write_whole

    path.mkdir(parents=True, exist_ok=True)
    head, *lines = table(found)
    write_csv(path / TABLE, head, lines)
    draw(path / CURVES, found)
    shown = [[cell.replace(" [", "\n[") for cell in row] for row in (head, *lines)]
    parts = [
        page.paragraph(
            "Mean over seeds, and its 95% interval by bootstrap over seeds; time is that "
            "of one seed's training step."
        ),
        page.block("numbers", page.table(shown)),
        page.figure(path / f"{CURVES}.svg", "Held-out loss; bands: range over seeds."),
    ]
    write_whole(path / runs.REPORT, page.page("Comparison", parts))


def table(found: Sequence[Finished]) -> list[list[str]]:
    """A head, then a line for each cell of each run."""
    metrics = list(dict.fromkeys(m for run in found for m in run.summary["chance"]))
    lines = [["run", "cell", "seeds", *FIXED, *(m.replace("_", " ") for m in metrics)]]
    for run in found:
        for cell in dict.fromkeys(one["cell"] for one in run.summary["runs"]):
            seeds = [one for one in run.summary["runs"] if one["cell"] == cell]
            lines.append([run.name, cell, str(len(seeds)), *_numbers(seeds, metrics)])
    return lines


def _numbers(seeds: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> list[str]:
    pace = [np.nan if s["steps_per_second"] is None else s["steps_per_second"] for s in seeds]
    columns = ["final_loss", "best_loss", "loss_over_baseline", *metrics]
    return [
        f"{seeds[0]['parameters']:,}",
        f"{1000 / float(np.mean(pace)):.3g}",
        *(words(estimate([seed.get(column) for seed in seeds])) for column in columns),
    ]


def markdown(lines: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table, its head first."""
    head, *rest = lines
    rule = ["---", "---", *("---:" for _ in head[2:])]
    return [f"| {' | '.join(line)} |" for line in (head, rule, *rest)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
