# SPDX-License-Identifier: Apache-2.0
"""Convert weights from and to other libraries, as plain dictionaries of arrays.

    params = recur.interop.load("torch.LSTM", {k: v.numpy() for k, v in m.state_dict().items()})
    state, ys = recur.stack([recur.lstm(128)] * 2).apply(params, xs)

No other library is imported. Differences in sign and order of the gates are converted;
`DIALECTS[name].cell` makes the cell that computes the same with the loaded weights.
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
    """Convert the weights of another library to parameters of a cell.

    Two biases of a library that are always added become one.

    Args:
      dialect: a name in `DIALECTS`.
      weights: arrays by name, nested as in the library: the `state_dict` of PyTorch with
        NumPy arrays; the collection `params` of a Linen cell; the pure dictionary of an
        NNX cell; `kernel`, `recurrent_kernel` and `bias` of a Keras layer; all parameters
        of one Haiku core with its default name.

    Returns:
      The parameters of `DIALECTS[dialect].cell`. For a PyTorch module, the parameters of
      `recur.stack`: a tuple with an entry for each layer, which is a pair, as for
      `recur.bidirectional`, if the module is bidirectional.

    Raises:
      ValueError: the dialect is unknown; an array is missing or unknown; or its shape
        does not fit the other arrays.
      TypeError: a value is not an array of floats; dtypes are mixed; or they are float64
        and JAX would cast them silently.
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
        base, layer, direction = match.groups()
        layers.setdefault((int(layer), direction), {})[(base,)] = array
    return _layers(dialect, found, layers)


def dump(dialect: str, params: Params) -> dict[str, Any]:
    """Convert parameters to the weights of another library: the inverse of `load`.

    Of two biases that are always added, the second is zero. `load(dump(params))` equals
    `params` exactly, except for the forget bias of Haiku's LSTM, which is stored as
    b_f - 1 and so rounded.

    Args:
      dialect: a name in `DIALECTS`.
      params: in the structure that `load` returns.

    Returns:
      Arrays by name, nested as `load` takes them.

    Raises:
      ValueError: the dialect is unknown; or a leaf of `params` is missing, unknown to the
        dialect, or of the wrong shape.
      TypeError: `params` have the type of another cell.
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
        cells = (entry,) if one_way else entry
        for direction, cell in zip(("", "_reverse"), cells, strict=False):
            check_params(dialect, found, cell)
            for (name,), array in dump_cell(found, cell).items():
                weights[f"{name}_l{layer}{direction}"] = array
    return weights


def _layers(dialect, found, layers):
    """Load every layer and direction into the parameters of `recur.stack`."""
    directions = sorted({direction for _, direction in layers})
    depth = 1 + max((layer for layer, _ in layers), default=0)
    params = []
    for layer in range(depth):
        cells = []
        for direction in directions or [""]:
            arrays = layers.get((layer, direction), {})
            check_arrays(dialect, found, arrays, f"_l{layer}{direction}")
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
