# SPDX-License-Identifier: Apache-2.0
"""Keep the numbers of a run, or of a sweep, in the repository.

    python -m experiments.results.publish RUN NAME

Kept of a run are its summary, its flags, the learning curve of each seed, and run.json: the
command, versions, seeds and the sha256 of its data. Kept of a sweep are horizon.csv and its
figure. The figure of gradient flow is large, and is renewed only where NAME already has one.
"""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.config.options import Value
from experiments.launch.plan import make_plan
from experiments.reporting.drawing import write_csv
from experiments.reporting.summary_file import read_summary, results_of
from experiments.runs import names


HERE = Path(__file__).parent

RECORD, CURVES, FLOW = "run.json", "curves.csv", "gradient_flow.svg"


def main(argv: Sequence[str]) -> int:
    """Copy the small files of a run, and record what produced them."""
    source, name = Path(argv[0]), argv[1]
    target = HERE / name
    target.mkdir(exist_ok=True)
    if (source / names.SWEEP).exists():
        _publish_sweep(source, target)
    else:
        _publish_run(source, target)
    return 0


def _publish_sweep(source: Path, target: Path) -> None:
    shutil.copy(source / names.HORIZON, target)
    shutil.copy(source / names.FIGURES / "horizon.svg", target)
    swept = json.loads((source / names.SWEEP).read_text(encoding="utf-8"))
    flags = {
        name: ",".join(map(str, value)) if isinstance(value, list) else value
        for name, value in swept.items()
    }
    first = next(source.glob(f"*/{names.CONFIG}")).parent
    _write_record(target, first, " ".join(f"--{k}={v}" for k, v in flags.items()))


def _publish_run(source: Path, target: Path) -> None:
    shutil.copy(source / names.FLAGS, target)
    if (target / FLOW).exists():
        shutil.copy(source / names.FIGURES / FLOW, target)
    _write_record(target, source, "--flagfile=flags.txt")
    summary = published(read_summary(source / names.SUMMARY))
    (target / names.SUMMARY).write_text(json.dumps(summary, indent=2) + "\n")
    text = (source / names.METRICS).read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    evaluated = [row for row in rows if "eval_loss" in row]
    columns = list(dict.fromkeys(key for row in evaluated for key in row))
    lines = ([_short(row.get(column, "")) for column in columns] for row in evaluated)
    write_csv(target / CURVES, columns, lines)


def published(summary: Mapping[str, Any]) -> dict[str, Any]:
    """A summary with its numbers under `results`."""
    others = {key: value for key, value in summary.items() if key != "runs"}
    return {**others, "results": results_of(summary)}


def _write_record(target: Path, run: Path, arguments: str) -> None:
    """Write the command, the versions, the seeds and the data of a run."""
    config = json.loads((run / names.CONFIG).read_text(encoding="utf-8"))
    settings: dict[str, Value] = config["settings"]
    plan = make_plan(settings)
    record = {
        "command": f"python -m experiments {arguments}",
        "versions": config["versions"],
        "seeds": list(range(plan.run.seeds)),
        "data": list(plan.benchmark.notes),
    }
    (target / RECORD).write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def _short(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
