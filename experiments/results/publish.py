# SPDX-License-Identifier: Apache-2.0
"""Keep the numbers of a run, or of a sweep, in the repository.

    python -m experiments.results.publish RUN NAME

Of a run its summary, its flags, the learning curve of each seed, and run.json: the command,
versions, seeds and the sha256 of what it read. Of a sweep the table behind its horizon.
A figure of gradient flow is large, and is renewed only where NAME already has one.
"""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.config.options import Value
from experiments.launch.plan import make_plan
from experiments.reporting import summary
from experiments.reporting.drawing import write_csv
from experiments.runs import directory as runs


HERE = Path(__file__).parent

RECORD, CURVES, FLOW = "run.json", "curves.csv", "gradient_flow.svg"


def main(argv: Sequence[str]) -> int:
    """Copy what is small, and write down what it came from."""
    source, name = Path(argv[0]), argv[1]
    target = HERE / name
    target.mkdir(exist_ok=True)
    sweep = source / runs.SWEEP
    if sweep.exists():
        shutil.copy(source / runs.HORIZON, target)
        shutil.copy(source / runs.FIGURES / "horizon.svg", target)
        swept = json.loads(sweep.read_text())
        one = next(source.glob(f"*/{runs.CONFIG}")).parent
        _record(target, one, {k: ",".join(map(str, v)) if isinstance(v, list) else v
                              for k, v in swept.items()})  # fmt: skip
        return 0
    shutil.copy(source / runs.FLAGS, target)
    if (target / FLOW).exists():
        shutil.copy(source / runs.FIGURES / FLOW, target)
    _record(target, source, None)
    rows = [json.loads(line) for line in (source / runs.METRICS).read_text().splitlines()]
    summed = json.loads((source / runs.SUMMARY).read_text())
    # Of a run by an earlier version the best evaluations are in its metrics alone.
    for run in summed["runs"]:
        least = summary.best_evaluations(rows)[run["cell"], run["seed"]]
        run |= dict(zip(("best_loss", "best_step"), least, strict=True))
    (target / runs.SUMMARY).write_text(json.dumps(summed, indent=2) + "\n")
    evaluated = [row for row in rows if "eval_loss" in row]
    columns = list(dict.fromkeys(key for row in evaluated for key in row))
    lines = ([_short(row.get(c, "")) for c in columns] for row in evaluated)
    write_csv(target / CURVES, columns, lines)
    return 0


def _record(target: Path, run: Path, flags: dict[str, Any] | None) -> None:
    config = json.loads((run / runs.CONFIG).read_text())
    settings: dict[str, Value] = config["settings"]
    plan = make_plan(settings)
    command = "--flagfile=flags.txt" if flags is None else " ".join(
        f"--{name}={value}" for name, value in flags.items()
    )  # fmt: skip
    record = {
        "command": f"python -m experiments {command}",
        "versions": config["versions"],
        "seeds": list(range(plan.front.seeds)),
        "data": list(plan.benchmark.notes),
    }
    (target / RECORD).write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def _short(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
