# SPDX-License-Identifier: Apache-2.0
"""Weights from and to other libraries, as plain dictionaries of arrays.

    params = recur.interop.load("torch.LSTM", {k: v.numpy() for k, v in m.state_dict().items()})
    state, ys = recur.stack([recur.lstm(128)] * 2).apply(params, xs)

No other library is imported. Differences between dialects that change a sign or a
place are undone here; `DIALECTS[name].cell` is the cell that then computes the same.
"""

import re
from collections.abc import Mapping
from typing import Any

from recur.cell import Params
from recur.interop.checks import check_arrays, check_params, find_dialect, flat_arrays
from recur.interop.dialects import DIALECTS, Dialect, Entry
from recur.interop.grid import dump_cell, load_cell


__all__ = ["DIALECTS", "Dialect", "Entry", "dump", "load"]


def load(dialect: str, weights: Mapping[str, Any]) -> Params:
    """Parameters of a cell from the weights of another library.

    Where a library has two biases that act as one, they are added.

    Args:
      dialect: a name in `DIALECTS`.
      weights: arrays by name, nested as the library nests them: the `state_dict` of
        PyTorch with NumPy arrays; the collection `params` of a Linen cell; the pure
        dictionary of an NNX cell; `kernel`, `recurrent_kernel` and `bias` of a Keras
        layer; all parameters of one Haiku core of default name.

    Returns:
      The parameters of `DIALECTS[dialect].cell`. Of a PyTorch layer a tuple with an
      entry for each layer, as `recur.stack` takes it; an entry is a pair where the
      layer is bidirectional, as `recur.bidirectional` takes it.

    Raises:
      ValueError: the dialect is unknown; an array is missing, too many, or of a shape
        that does not go with the others.
      TypeError: something is not an array of floats; dtypes are mixed; or they are
        float64 and JAX would cast them silently.
    """
    found = find_dialect(dialect)
    arrays = flat_arrays(dialect, weights)
    if not found.layered:
        check_arrays(dialect, found, arrays)
        return load_cell(found, arrays)
    layers: dict[tuple[int, str], dict] = {}
    for (name,), array in arrays.items():
        match = re.fullmatch(r"(\w+?)_l(\d+)((?:_reverse)?)", name)
        if match is None:
            raise ValueError(f"{dialect}: unknown weight {name}; names end in _l0, _l1, ...")
        base, layer, way = match.groups()
        layers.setdefault((int(layer), way), {})[(base,)] = array
    return _layers(dialect, found, layers)


def dump(dialect: str, params: Params) -> dict[str, Any]:
    """The weights of another library from parameters; `load` of them is `params`, exactly.

    Of two biases that act as one, the first has all and the second is zero. One number
    is exact only to rounding: the forget bias of Haiku's LSTM, which is 1 less there.

    Args:
      dialect: a name in `DIALECTS`.
      params: as `load` returns them.

    Raises:
      ValueError: the dialect is unknown, or has no place for a leaf of `params`, or a
        leaf is missing or of another shape.
      TypeError: `params` are those of another cell.
    """
    found = find_dialect(dialect)
    if not found.layered:
        check_params(dialect, found, params)
        return _nested(dump_cell(found, params))
    if not isinstance(params, tuple | list) or hasattr(params, "_fields"):
        raise TypeError(
            f"{dialect}: params must be a tuple with an entry for each layer, got "
            f"{type(params).__name__}; write (params,) for one layer"
        )
    weights = {}
    for layer, entry in enumerate(params):
        one_way = hasattr(entry, "_fields")
        for way, cell in zip(("", "_reverse"), (entry,) if one_way else entry, strict=False):
            check_params(dialect, found, cell)
            for (name,), array in dump_cell(found, cell).items():
                weights[f"{name}_l{layer}{way}"] = array
    return weights


def _layers(dialect, found, layers):
    """Cells of every layer and direction, in the shape that `recur.stack` takes."""
    ways = sorted({way for _, way in layers})
    depth = 1 + max((layer for layer, _ in layers), default=0)
    params = []
    for layer in range(depth):
        cells = []
        for way in ways or [""]:
            arrays = layers.get((layer, way), {})
            check_arrays(dialect, found, arrays, f"_l{layer}{way}")
            cells.append(load_cell(found, arrays))
        params.append(cells[0] if len(cells) == 1 else tuple(cells))
    return tuple(params)


def _nested(arrays):
    tree: dict[str, Any] = {}
    for (*outer, last), array in arrays.items():
        node = tree
        for key in outer:
            node = node.setdefault(key, {})
        node[last] = array
    return tree
