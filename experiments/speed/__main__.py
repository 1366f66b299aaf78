# SPDX-License-Identifier: Apache-2.0
"""Time `recur` against other libraries, and against products without recurrence.

    python -m experiments.speed [DIRECTORY]

The same layer, weights and inputs for every installed library (extra `peers`), in float32,
timed in turn within this process: the forward pass, and a train step, which is a forward
and a reverse pass and an update by gradient descent. Every ratio is of times in the same
round; tables give medians and quartiles. Writes `speed.csv`, `speed.json`, `speed.svg` and
`speed.png` into the directory, `runs/speed` if none is named. Ten minutes on two cores.
"""

import importlib.metadata
import importlib.util
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

import jax

from experiments.reporting.drawing import write_csv
from experiments.speed import figure, tables
from experiments.speed.measure import ROUNDS
from experiments.speed.peers import PEERS
from experiments.speed.rows import PASSES, Row, rows_of
from experiments.speed.work import SHAPES, Shape


KINDS = ("rnn", "lstm", "gru", "fork")
PRECISE = SHAPES[1], SHAPES[4]
"""Where other precisions are measured too."""

OUT = "runs/speed"

FLAT = ("median", "low", "high")


def machine() -> dict[str, object]:
    """What the numbers depend on besides the code."""
    modules = {"jax", *(peer.module for peer in PEERS.values())}
    names = importlib.metadata.packages_distributions()
    found = sorted(module for module in modules if importlib.util.find_spec(module))
    return {
        "platform": jax.default_backend(),
        "machine": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "versions": {m: importlib.metadata.version(names[m][0]) for m in found},
        "gpu": "measured" if jax.default_backend() == "gpu" else "not measured",
    }


def flat(row: Row) -> dict[str, object]:
    """A row of CSV and JSON."""
    fields = row._asdict() | row.shape._asdict()
    del fields["shape"]
    fields["pass"] = fields.pop("timed_pass")
    for name in ("ms", "ratio"):
        found = fields.pop(name)
        fields |= {f"{name}_{part}": getattr(found, part) for part in FLAT}
    return fields


def report(rows: Sequence[Row], directory: Path) -> None:
    """Write the files and print the tables."""
    directory.mkdir(parents=True, exist_ok=True)
    lines = [flat(row) for row in rows]
    write_csv(directory / "speed.csv", list(lines[0]), (list(line.values()) for line in lines))
    whole = {**machine(), "rows": lines}
    (directory / "speed.json").write_text(json.dumps(whole, indent=1) + "\n")
    figure.write(rows, directory / "speed")
    for timed_pass in PASSES:
        print(f"\n{timed_pass}: time of a library / time of recur, median [quartiles]\n")
        print(tables.ratios(rows, timed_pass))
    print("\ncosts, over cells and shapes\n")
    print(tables.costs(rows))
    print("\nprecision\n")
    print(tables.precision(rows))
    print("\ntrain steps\n")
    print("\n".join(f"* {line}" for line in tables.conclusions(rows)))
    print(f"* GPU: {machine()['gpu']}")


def main(
    directory: str = OUT,
    kinds: Sequence[str] = KINDS,
    shapes: Sequence[Shape] = SHAPES,
    rounds: tuple[int, int] = ROUNDS,
) -> None:
    """Measure, print, write."""
    rows: list[Row] = []
    for kind in kinds:
        for shape in shapes:
            precisions = kind != "fork" and shape in PRECISE
            print(f"{kind} {' '.join(map(str, shape))}", file=sys.stderr, flush=True)
            rows += rows_of(kind, shape, precisions=precisions, rounds=rounds)
    report(rows, Path(directory))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else OUT)
