# SPDX-License-Identifier: Apache-2.0
"""Journals such as `metrics.jsonl`: one JSON object a line, appended during a run.

Figures and tables are drawn from them. Rows hold no wall time, so that a run that was
killed and resumed has the same rows as one that was not.
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
    """A journal file; several threads may write to it.

    Args:
      path: the file; created with the first row.
      mirror: gets a copy of every appended row.
    """

    def __init__(self, path: Path, mirror: Mirror):
        self.path = path
        self.mirror = mirror
        self.lock = threading.Lock()

    def append(self, rows: Iterable[Row]) -> None:
        """Append rows, flushed to the disk."""
        rows = list(rows)
        with self.lock, self.path.open("a", encoding="utf-8") as file:
            file.writelines(encode(row) + "\n" for row in rows)
            file.flush()
            os.fsync(file.fileno())
            for row in rows:
                self.mirror.write(row)

    def read(self) -> list[dict[str, Any]]:
        """All rows, without a last line cut short by a crash."""
        if not self.path.exists():
            return []
        whole, _, _ = self.path.read_text(encoding="utf-8").rpartition("\n")
        return [json.loads(line) for line in whole.split("\n") if line]

    def keep(self, wanted: Callable[[Row], bool]) -> None:
        """Drop all other rows, and a torn last line, in one atomic write."""
        with self.lock:
            self._rewrite([row for row in self.read() if wanted(row)])

    def sort(self, cells: Iterable[str]) -> None:
        """Sort the rows by cell, step and seed."""
        if not self.path.exists():
            return
        order = {cell: index for index, cell in enumerate(cells)}
        with self.lock:
            rows = self.read()
            rows.sort(key=lambda row: (order[row["cell"]], row["step"], row["seed"]))
            self._rewrite(rows)

    def _rewrite(self, rows: Iterable[Row]) -> None:
        write_whole(self.path, "".join(encode(row) + "\n" for row in rows))


def encode(row: Row) -> str:
    """A row as JSON; a number that is not finite becomes null."""
    return json.dumps({key: _finite(value) for key, value in row.items()}, allow_nan=False)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
