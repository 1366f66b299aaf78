# SPDX-License-Identifier: Apache-2.0
"""From arrays to blocks and back, along the grid of a dialect."""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur.cell import Params
from recur.interop.dialects import Dialect, Entry


Arrays = Mapping[tuple[str, ...], jax.Array]
Slot = tuple[str, str]
"""Leaf and gate of a block."""


class Column(NamedTuple):
    """ours = sign * theirs + shift, for the blocks of one gate."""

    gate: str
    sign: float
    shift: float


def load_cell(dialect: Dialect, arrays: Arrays) -> Params:
    """The parameters that the arrays of one cell make."""
    blocks: dict[Slot, jax.Array] = {}
    for entry in dialect.entries:
        if entry.path not in arrays:
            continue
        for row, parts in zip(_rows(entry), _split(entry, arrays[entry.path]), strict=True):
            for column, theirs in zip(_columns(entry), parts, strict=True):
                slot = _slot(dialect, row, column.gate)
                ours = column.sign * theirs
                ours = ours + column.shift if column.shift else ours
                blocks[slot] = blocks[slot] + ours if slot in blocks else ours
    leaves: dict[str, list[jax.Array]] = {leaf: [] for leaf in _fields(dialect)}
    for leaf, gate in sorted(blocks, key=lambda slot: _place(dialect, slot)):
        leaves[leaf].append(blocks[leaf, gate])
    return dialect.params(
        **{k: jnp.concatenate(v, axis=-1) if v else None for k, v in leaves.items()}
    )


def dump_cell(dialect: Dialect, params: Params) -> Arrays:
    """The arrays that the parameters of one cell make."""
    blocks: dict[Slot, jax.Array] = {}
    for leaf, value in params._asdict().items():
        if value is not None:
            gates = _gates(dialect, leaf)
            parts = jnp.split(value, len(gates), axis=-1)
            blocks |= {(leaf, g): part for g, part in zip(gates, parts, strict=True)}
    arrays, given = {}, set()
    for entry in entries_of(dialect, bias="b" in {leaf for leaf, _ in blocks}):
        rows = []
        for row in _rows(entry):
            parts = []
            for column in _columns(entry):
                slot = _slot(dialect, row, column.gate)
                theirs = column.sign * (blocks[slot] - column.shift)
                # The first of two biases has all of their sum.
                parts.append(jnp.zeros_like(theirs) if slot in given else theirs)
                given.add(slot)
            rows.append(jnp.concatenate(parts, axis=-1))
        arrays[entry.path] = _join(entry, rows)
    return arrays


def entries_of(dialect: Dialect, *, bias: bool) -> list[Entry]:
    """The arrays there are, with or without biases."""
    return [e for e in dialect.entries if bias or not is_bias(e)]


def is_bias(entry: Entry) -> bool:
    """Whether an array holds biases."""
    return _rows(entry)[0].startswith("b")


def shape_of(entry: Entry, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """What the shape of an array must be for widths I, H and P, that of the output."""
    width = sizes["P" if "w_p" in entry.rows else "H"] * len(_columns(entry))
    if is_bias(entry):
        return (width,) if len(_rows(entry)) == 1 else (len(_rows(entry)), width)
    heights = {"w_x": sizes["I"], "w_h": sizes["P"], "w_p": sizes["H"]}
    shape = (sum(heights[row] for row in _rows(entry)), width)
    return shape[::-1] if entry.transposed else shape


def _rows(entry):
    return entry.rows.split()


def _columns(entry):
    columns = []
    for token in entry.columns.split():
        gate, _, shift = token.lstrip("-").partition("+")
        columns.append(Column(gate, -1.0 if token[0] == "-" else 1.0, float(shift or 0)))
    return columns


def _slot(dialect, row, gate):
    """Where a block belongs: a second bias is added to the first, or kept for n."""
    if row != "b2":
        return row, gate
    return ("b_h", "n") if "b_h" in _fields(dialect) and gate == "n" else ("b", gate)


def _gates(dialect, leaf):
    return {"w_p": ["p"], "b_h": ["n"]}.get(leaf, dialect.gates.split())


def _place(dialect, slot):
    leaf, gate = slot
    return _gates(dialect, leaf).index(gate)


def _fields(dialect):
    return dialect.params._fields


def _split(entry, array):
    """Blocks as rows of columns."""
    count = len(_columns(entry))
    if is_bias(entry):
        return [jnp.split(row, count) for row in array.reshape(len(_rows(entry)), -1)]
    array = array.T if entry.transposed else array
    rows = _rows(entry)
    inputs = array.shape[0] - array.shape[1] // count
    parts = [array] if len(rows) == 1 else jnp.split(array, [inputs])
    return [jnp.split(part, count, axis=-1) for part in parts]


def _join(entry, rows):
    if is_bias(entry):
        return rows[0] if len(rows) == 1 else jnp.stack(rows)
    array = jnp.concatenate(rows)
    return array.T if entry.transposed else array
