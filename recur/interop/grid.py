# SPDX-License-Identifier: Apache-2.0
"""Convert arrays to blocks of parameters and back, by the grid of a dialect."""

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
    """A column of blocks: ours = sign * theirs + shift.

    Attributes:
      gate: its name in `Dialect.gates`.
      sign: 1 or -1.
      shift: 0 or 1.
    """

    gate: str
    sign: float
    shift: float


def load_cell(dialect: Dialect, arrays: Arrays) -> Params:
    """Convert the arrays of one cell to its parameters."""
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
    for leaf, gate in sorted(blocks, key=lambda slot: _position(dialect, slot)):
        leaves[leaf].append(blocks[leaf, gate])
    return dialect.params(
        **{k: jnp.concatenate(v, axis=-1) if v else None for k, v in leaves.items()}
    )


def dump_cell(dialect: Dialect, params: Params) -> Arrays:
    """Convert the parameters of one cell to arrays."""
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
                # The first of two biases holds their sum, the second is zero.
                parts.append(jnp.zeros_like(theirs) if slot in given else theirs)
                given.add(slot)
            rows.append(jnp.concatenate(parts, axis=-1))
        arrays[entry.path] = _join(entry, rows)
    return arrays


def entries_of(dialect: Dialect, *, bias: bool) -> list[Entry]:
    """List the entries of a dialect, with or without biases."""
    return [e for e in dialect.entries if bias or not is_bias(e)]


def is_bias(entry: Entry) -> bool:
    """Whether an array holds biases."""
    return _rows(entry)[0].startswith("b")


def shape_of(entry: Entry, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """Compute the shape of an array from the widths I (input), H (cell) and P (output)."""
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
    """Find leaf and gate of a block: `b2` is `b_h` for gate n of a gru, else added to `b`."""
    if row != "b2":
        return row, gate
    return ("b_h", "n") if "b_h" in _fields(dialect) and gate == "n" else ("b", gate)


def _gates(dialect, leaf):
    return {"w_p": ["p"], "b_h": ["n"]}.get(leaf, dialect.gates.split())


def _position(dialect, slot):
    leaf, gate = slot
    return _gates(dialect, leaf).index(gate)


def _fields(dialect):
    return dialect.params._fields


def _split(entry, array):
    """Split an array into rows of blocks."""
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
