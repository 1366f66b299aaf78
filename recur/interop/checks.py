# SPDX-License-Identifier: Apache-2.0
"""Check names, dtypes and shapes before converting weights."""

import difflib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from recur.cell import Params
from recur.interop.dialects import DIALECTS, Dialect
from recur.interop.grid import Arrays, dump_cell, entries_of, is_bias, shape_of


def find_dialect(name: str) -> Dialect:
    """Look up a dialect by name.

    Raises:
      ValueError: the name is unknown; suggests the nearest.
    """
    if name not in DIALECTS:
        lower = {known.lower(): known for known in DIALECTS}
        near = difflib.get_close_matches(name.lower(), lower, 1, 0.4)
        hint = f"did you mean {lower[near[0]]}? " if near else ""
        raise ValueError(f"unknown dialect {name!r}: {hint}known are {', '.join(DIALECTS)}")
    return DIALECTS[name]


def flat_arrays(name: str, weights: Mapping[str, Any]) -> dict[tuple[str, ...], jax.Array]:
    """Flatten nested dictionaries of arrays to one, keyed by path.

    Raises:
      TypeError: a value is not an array of floats; dtypes are mixed; or they are
        float64 and JAX would cast them silently.
    """
    if not isinstance(weights, Mapping):
        raise TypeError(f"{name}: weights must be a dict, got {type(weights).__name__}")
    arrays = {}
    for path, value in _walk(weights, ()):
        array = value if isinstance(value, jax.Array) else np.asarray(value)
        if not jnp.issubdtype(array.dtype, jnp.floating):
            raise TypeError(f"{name}: {_label(path)} is {array.dtype}, not an array of floats")
        arrays[path] = array
    dtypes = {str(array.dtype): _label(path) for path, array in arrays.items()}
    if len(dtypes) > 1:
        found = ", ".join(f"{label} is {dtype}" for dtype, label in dtypes.items())
        raise TypeError(f"{name}: weights must have one dtype, but {found}: cast them first")
    if "float64" in dtypes and jax.dtypes.canonicalize_dtype(float) != np.float64:
        raise TypeError(
            f"{name}: the weights are float64, which JAX would cast to float32: cast them "
            f"yourself, or set jax_enable_x64"
        )
    return {path: jnp.asarray(array) for path, array in arrays.items()}


def check_arrays(name: str, dialect: Dialect, arrays: Arrays, suffix: str = "") -> None:
    """Check that arrays are the weights of one cell of the dialect.

    Raises:
      ValueError: an array is missing or unknown, or its shape does not fit the others.
    """
    bias = any(entry.path in arrays for entry in dialect.entries if is_bias(entry))
    wanted = {entry.path: entry for entry in entries_of(dialect, bias=bias)}
    for path in wanted:
        if path not in arrays:
            raise ValueError(
                f"{name}: {_label(path)}{suffix} is missing; got "
                f"{', '.join(_label(p) + suffix for p in arrays) or 'none'}"
            )
    for path in arrays:
        if path not in wanted:
            raise ValueError(
                f"{name}: {_label(path)}{suffix} is unknown; expected "
                f"{', '.join(_label(p) + suffix for p in wanted)}"
            )
    shapes = {path: tuple(array.shape) for path, array in arrays.items()}
    sizes = _sizes(dialect, wanted, shapes)
    for path, entry in wanted.items():
        have, want = shapes[path], shape_of(entry, sizes)
        if have != want:
            cause = "is it transposed?" if have == want[::-1] else "is it from another layer?"
            raise ValueError(
                f"{name}: {_label(path)}{suffix} is {have}, but the others need {want}; {cause}"
            )


def check_params(name: str, dialect: Dialect, params: Params) -> None:
    """Check that parameters fit the cell of the dialect.

    Raises:
      TypeError: they have the type of another cell.
      ValueError: a leaf is missing or unknown, or its shape does not fit the others.
    """
    if not isinstance(params, dialect.params):
        raise TypeError(
            f"{name}: params must be {dialect.params.__name__}, got {type(params).__name__}"
        )
    rows = " ".join(entry.rows for entry in dialect.entries)
    separate = "b_h" in dialect.params._fields and "b2" in rows.split()
    if "b_h" in dialect.params._fields:
        biased = params.b is not None and separate
        if biased != (params.b_h is not None):
            raise ValueError(
                f"{name}: b_h, the bias inside the reset product, must be "
                f"{'an array' if biased else 'None'}; is this a gru with another reset_after?"
            )
    try:
        arrays = dump_cell(dialect, params)
    except (TypeError, ValueError) as error:
        shapes = {k: jnp.shape(v) for k, v in params._asdict().items() if v is not None}
        raise ValueError(f"{name}: leaves do not fit each other: {shapes}") from error
    check_arrays(name, dialect, arrays)


def _sizes(dialect, wanted, shapes):
    """Find the widths I, H, P with the fewest misfits; a transposed array counts half."""

    def misfit(sizes):
        pairs = [(shapes[path], shape_of(entry, sizes)) for path, entry in wanted.items()]
        return sum((have != want) + (have not in (want, want[::-1])) for have, want in pairs)

    numbers = sorted({n for shape in shapes.values() for n in shape})
    count = len(dialect.gates.split())
    hidden = sorted({n // count for n in numbers} | set(numbers))
    outputs = numbers if any("w_p" in e.rows for e in wanted.values()) else [None]
    inputs = sorted({*numbers, *(n - h for n in numbers for h in hidden if n > h)})
    options = (
        {"I": i, "H": h, "P": h if p is None else p}
        for h in hidden
        for p in outputs
        for i in inputs
    )
    return min(options, key=misfit, default={"I": 0, "H": 0, "P": 0})


def _walk(tree, path):
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _walk(value, (*path, str(key)))
        else:
            yield (*path, str(key)), value


def _label(path):
    return ".".join(path)
