# SPDX-License-Identifier: Apache-2.0
"""The report of a comparison: table, CSV and learning curves on one page."""

from collections.abc import Sequence
from pathlib import Path

from experiments.reporting import comparison_figure, page
from experiments.reporting.comparison import Finished, table
from experiments.reporting.drawing import write_csv
from experiments.runs.atomic import write_whole
from experiments.runs.names import REPORT


TABLE, CURVES = "comparison.csv", "curves"

EXPLANATION = (
    "Mean over seeds, and its 95% interval by bootstrap over seeds. Loss and metrics are "
    "measured on validation data after the last step; best loss is the lowest validation "
    "loss. Columns that begin with test are measured on the test set, at the step of the "
    "best loss, as is loss over baseline of a run that has them. The time is the wall time "
    "of training a seed, evaluations included, over its steps."
)


def write(path: Path, found: Sequence[Finished]) -> None:
    """Write the report, the table as CSV and the figure."""
    path.mkdir(parents=True, exist_ok=True)
    head, *lines = table(found)
    write_csv(path / TABLE, head, lines)
    comparison_figure.write(path / CURVES, found)
    shown = [[cell.replace(" [", "\n[") for cell in row] for row in (head, *lines)]
    parts = [
        page.paragraph(EXPLANATION),
        page.block("numbers", page.table(shown)),
        page.figure(path / f"{CURVES}.svg", "Validation loss; bands: range over seeds."),
    ]
    write_whole(path / REPORT, page.page("Comparison", parts))
