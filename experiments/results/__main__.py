# SPDX-License-Identifier: Apache-2.0
"""The tables of the README, drawn from the published runs.

    python -m experiments.results
"""

import json
import pathlib

from experiments import summary


HERE = pathlib.Path(__file__).parent


def table(name: str) -> str:
    """A published run as a Markdown table.

    Args:
      name: its folder.
    """
    head, *lines = summary.rows(json.loads((HERE / name / "summary.json").read_text()))
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *lines))


if __name__ == "__main__":
    for run in sorted(path.parent.name for path in HERE.glob("*/summary.json")):
        print(f"{run}\n\n{table(run)}\n")
