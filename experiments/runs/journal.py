# SPDX-License-Identifier: Apache-2.0
"""`metrics.jsonl`: one JSON object a line, appended as a run goes.

The truth about a run; figures and tables can be drawn from it again. It holds no wall
time, so that a run that was killed and resumed ends with the rows of one that was not.
"""

import json
import math
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from experiments.runs.atomic import write_whole
from experiments.runs.mirrors import Mirror, Row


class Journal:
    """The metrics file of a run; several threads may write to it.

    Args:
      path: the file; created with the first row.
      mirror: follows every row that is appended.
    """

    def __init__(self, path: Path, mirror: Mirror):
        self.path = path
        self.mirror = mirror
        self.lock = threading.Lock()

    def append(self, rows: Iterable[Row]) -> None:
        """Add rows and put them on the disk."""
        rows = list(rows)
        with self.lock, self.path.open("a", encoding="utf-8") as file:
            file.writelines(encode(row) + "\n" for row in rows)
            file.flush()
            os.fsync(file.fileno())
            for row in rows:
                self.mirror.write(row)

    def read(self) -> list[dict[str, Any]]:
        """All rows. A last line cut short by a crash is not one."""
        if not self.path.exists():
            return []
        whole, _, _ = self.path.read_text(encoding="utf-8").rpartition("\n")
        return [json.loads(line) for line in whole.split("\n") if line]

    def keep(self, wanted: Callable[[Row], bool]) -> None:
        """Drop all other rows, and a torn last line, at one stroke."""
        with self.lock:
            self._rewrite([row for row in self.read() if wanted(row)])

    def sort(self, cells: Iterable[str]) -> None:
        """Put the rows in the order of cells, steps and seeds, whoever came first."""
        if not self.path.exists():
            return
        place = {cell: index for index, cell in enumerate(cells)}
        with self.lock:
            rows = self.read()
            rows.sort(key=lambda row: (place[row["cell"]], row["step"], row["seed"]))
            self._rewrite(rows)

    def _rewrite(self, rows: Iterable[Row]) -> None:
        write_whole(self.path, "".join(encode(row) + "\n" for row in rows))


def encode(row: Row) -> str:
    """JSON that every parser reads: a number that is not finite becomes null."""
    return json.dumps({key: _finite(value) for key, value in row.items()}, allow_nan=False)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
