# SPDX-License-Identifier: Apache-2.0
"""Tables of the rows, and what they come to."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from experiments.reporting.tables import markdown
from experiments.speed.measure import Quartiles
from experiments.speed.peers import PEERS
from experiments.speed.rows import Row


JAX_LIBRARIES = [name for name, peer in PEERS.items() if peer.module != "torch"]


TEXT = ("cell", "B T I H", "library", "precision")
"""Columns of text; all others are numbers."""


def ratios(rows: Sequence[Row], timed_pass: str) -> str:
    """The time of each library over that of `recur`, `median [quartiles]`."""
    rows = [row for row in rows if row.timed_pass == timed_pass]
    libraries = list(dict.fromkeys(r.library for r in rows if _is_compared(r.library)))
    lines = []
    for (cell, shape), group in _groups(rows).items():
        by = {row.library: row for row in group}
        line = [cell, _shape(shape), f"{by['recur'].ms.median:.3g}"]
        line += [_text_of(by[n].ratio) if n in by else "-" for n in libraries]
        lines.append([*line, f"{by['floor'].ratio.median:.2f}"])
    head = ["cell", "B T I H", "recur ms", *libraries, "share of floor"]
    return markdown([head, *lines], TEXT)


def costs(rows: Sequence[Row]) -> str:
    """Compile time, memory and error of all libraries, over cells and shapes."""
    lines = []
    rows = [row for row in rows if row.timed_pass == "train" and row.library != "floor"]
    for library in dict.fromkeys(row.library for row in rows):
        mine = [row for row in rows if row.library == library]
        columns = "compile_seconds", "temporaries", "error", "gradient_error"
        lines.append([library, *(_range([getattr(r, c) for r in mine]) for c in columns)])
    head = ["library", "compile s", "temporaries MB", "error", "gradient error"]
    return markdown([head, *lines], TEXT)


def precision(rows: Sequence[Row]) -> str:
    """What bfloat16 gives and what it costs, in train steps."""
    rows = [row for row in rows if row.timed_pass == "train"]
    lines = [
        [
            *(row.cell, _shape(row.shape), row.library, _text_of(row.ratio)),
            *(f"{row.error:.1e}", f"{row.gradient_error:.1e}"),
        ]
        for group in _groups(rows).values()
        if any(_is_narrow(row.library) for row in group)
        for row in group
        if row.library == "recur" or _is_narrow(row.library)
    ]
    head = ["cell", "B T I H", "precision", "time / float32", "error", "gradient error"]
    return markdown([head, *lines], TEXT)


def conclusions(rows: Sequence[Row]) -> list[str]:
    """Geometric means and worst cases of train steps, one line each."""
    train = [row for row in rows if row.timed_pass == "train"]
    peers = [row for row in train if row.kind != "fork"]
    best: dict[Any, float] = {}
    for row in peers:
        if row.library in JAX_LIBRARIES:
            key = row.kind, row.shape
            best[key] = min(best.get(key, math.inf), row.ratio.median)
    thin = {key: ratio for key, ratio in best.items() if key[1].T >= 4 * key[1].H}
    torch = {(r.cell, r.shape): r.ratio.median for r in peers if r.library == "pytorch"}
    fork = {
        (r.cell, r.shape): r.ratio.median
        for r in train
        if r.kind == "fork" and r.library == "recur scan"
    }
    share = {(r.cell, r.shape): r.ratio.median for r in train if r.library == "floor"}
    widest = {key: v for key, v in share.items() if key[1].I == 512}
    return [
        _conclusion("the best JAX library, all cells and shapes", best),
        _conclusion("the best JAX library, T at least 4 H", thin),
        _conclusion("PyTorch", torch),
        _conclusion("the plain scan, a cell of 20 lines", fork),
        _conclusion("share of the products' floor, I = 512", widest),
    ]


def _conclusion(name: str, ratios: dict[Any, float]) -> str:
    if not ratios:
        return f"{name}: not measured"
    mean = math.exp(sum(map(math.log, ratios.values())) / len(ratios))
    (cell, shape), least = min(ratios.items(), key=lambda item: item[1])
    return f"{name}: geometric mean {mean:.2f}, least {least:.2f} ({cell} {_shape(shape)})"


def _groups(rows: Iterable[Row]) -> dict[tuple[str, Any], list[Row]]:
    groups: dict[tuple[str, Any], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.cell, row.shape), []).append(row)
    return groups


def _is_narrow(library: str) -> bool:
    return library in ("recur mixed", "recur bfloat16")


def _is_compared(library: str) -> bool:
    return library not in ("recur", "floor") and not _is_narrow(library)


def _shape(shape: Sequence[int]) -> str:
    return " ".join(str(size) for size in shape)


def _text_of(value: Quartiles) -> str:
    return f"{value.median:.2f} [{value.low:.2f}, {value.high:.2f}]"


def _range(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{min(known):.2g} to {max(known):.2g}" if known else "not measured"
