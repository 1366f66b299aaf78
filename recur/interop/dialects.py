# SPDX-License-Identifier: Apache-2.0
"""Names and block orders of the weights in other libraries, as data.

The parameters of a cell consist of blocks `(leaf, gate)`. Each array of another library
is a grid of such blocks, which defines the conversion in both directions.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from recur.affine import AffineParams
from recur.cell import Cell
from recur.cells import (
    GRUParams,
    LSTMParams,
    ProjectedLSTMParams,
    RNNParams,
    gru,
    lstm,
    projected_lstm,
    rnn,
    ugrnn,
)


class Entry(NamedTuple):
    """One array of another library.

    Attributes:
      path: its keys in the nested dictionary, outermost first.
      rows: the leaf of each row of blocks. `b2` is a second bias, which is added to `b`
        unless the cell has a leaf `b_h` for it.
      columns: the gate of each column of blocks. `-z` is the negative of our block, `f+1`
        a bias that the library stores without the 1 that it adds at run time.
      transposed: whether the array is `[outputs, inputs]`.
    """

    path: tuple[str, ...]
    rows: str
    columns: str
    transposed: bool = False


class Dialect(NamedTuple):
    """A layer of another library.

    Attributes:
      cell: `hidden -> Cell`, the factory of the cell that computes the same.
      params: the type of its parameters.
      gates: the order of its blocks on the fused axis.
      entries: one for each array, that with `w_h` first.
      layered: whether entries end in `_l0`, `_l0_reverse`, ..., as in PyTorch.
    """

    cell: Callable[..., Cell]
    params: Any
    gates: str
    entries: tuple[Entry, ...]
    layered: bool = False


def fields(grid: Mapping[str, tuple[str, str]], transposed: bool = False) -> tuple[Entry, ...]:
    """Make entries from `path with dots -> (rows, columns)`."""
    return tuple(
        Entry(tuple(path.split(".")), rows, columns, transposed)
        for path, (rows, columns) in grid.items()
    )


def torch(columns: str, extra: Mapping[str, tuple[str, str]]) -> tuple[Entry, ...]:
    """Make the entries of PyTorch: `[outputs, inputs]`, two biases."""
    grid = {
        "weight_hh": ("w_h", columns),
        "weight_ih": ("w_x", columns),
        "bias_ih": ("b", columns),
        "bias_hh": ("b2", columns),
    }
    return fields({**grid, **extra}, transposed=True)


def equinox(columns: str, biases: Mapping[str, tuple[str, str]]) -> tuple[Entry, ...]:
    """Make the entries of Equinox: `[outputs, inputs]`, gates fused."""
    grid = {"weight_hh": ("w_h", columns), "weight_ih": ("w_x", columns)}
    return fields({**grid, **biases}, transposed=True)


def per_gate(names: str, columns: str, biases: Mapping[str, str]) -> tuple[Entry, ...]:
    """Make the entries of Flax cells with two dense layers a gate, such as `hf` and `if`."""
    gates = list(zip(names.split(), columns.split(), strict=True))
    grid = {f"h{name}.kernel": ("w_h", gate) for name, gate in gates}
    grid |= {f"i{name}.kernel": ("w_x", gate) for name, gate in gates}
    for path, row in biases.items():
        gate = dict(gates)[path[1:]]
        grid[f"{path}.bias"] = (row, gate)
    return fields(grid)


def dense(h: str, i: str, columns: str, bias: str) -> tuple[Entry, ...]:
    """Make the entries of Flax cells with one dense layer for h and one for x."""
    grid = {f"{h}.kernel": ("w_h", columns), f"{i}.kernel": ("w_x", columns)}
    return fields({**grid, f"{bias}.bias": ("b", columns)})


def keras(columns: str, bias: str = "b") -> tuple[Entry, ...]:
    """Make the entries of Keras: gates fused."""
    grid = {"recurrent_kernel": ("w_h", columns), "kernel": ("w_x", columns)}
    return fields({**grid, "bias": (bias, columns)})


LSTM = (lstm, LSTMParams, "i f g o")
GRU = (gru, GRUParams, "z r n")
GRU_AFTER = (functools.partial(gru, reset_after=True), GRUParams, "z r n")
RNN = (rnn, RNNParams, "h")
RELU = (functools.partial(rnn, activation="relu"), RNNParams, "h")
PROJECTED = (projected_lstm, ProjectedLSTMParams, "i f g o")
ONE_GATE = (ugrnn, AffineParams, "g n")

LINEN_LSTM = per_gate("i f g o", "i f g o", {f"h{g}": "b" for g in "ifgo"})
LINEN_GRU = per_gate("r z n", "r -z n", {"ir": "b", "iz": "b", "in": "b", "hn": "b2"})
HAIKU_RNN = {
    "vanilla_rnn/linear_1.w": ("w_h", "h"),
    "vanilla_rnn/linear.w": ("w_x", "h"),
    "vanilla_rnn/linear.b": ("b", "h"),
    "vanilla_rnn/linear_1.b": ("b2", "h"),
}
HAIKU_LSTM = {"lstm/linear.w": ("w_x w_h", "i g f o"), "lstm/linear.b": ("b", "i g f+1 o")}
HAIKU_GRU = {"gru.w_h": ("w_h", "z r n"), "gru.w_i": ("w_x", "z r n"), "gru.b": ("b", "z r n")}

DIALECTS: dict[str, Dialect] = {
    "equinox.GRUCell": Dialect(
        *GRU_AFTER, equinox("r -z n", {"bias": ("b", "r -z n"), "bias_n": ("b2", "n")})
    ),
    "equinox.LSTMCell": Dialect(*LSTM, equinox("i f g o", {"bias": ("b", "i f g o")})),
    "haiku.GRU": Dialect(*GRU, fields(HAIKU_GRU)),
    "haiku.LSTM": Dialect(*LSTM, fields(HAIKU_LSTM)),
    "haiku.VanillaRNN": Dialect(*RELU, fields(HAIKU_RNN)),
    "keras.GRU": Dialect(*GRU_AFTER, keras("-z r n", "b b2")),
    "keras.GRU(reset_after=False)": Dialect(*GRU, keras("-z r n")),
    "keras.LSTM": Dialect(*LSTM, keras("i f g o")),
    "keras.SimpleRNN": Dialect(*RNN, keras("h")),
    "linen.GRUCell": Dialect(*GRU_AFTER, LINEN_GRU),
    "linen.LSTMCell": Dialect(*LSTM, LINEN_LSTM),
    "linen.MGUCell(reset_gate=False)": Dialect(
        *ONE_GATE, per_gate("f n", "g n", {"if": "b", "in": "b"})
    ),
    "linen.OptimizedLSTMCell": Dialect(*LSTM, LINEN_LSTM),
    "linen.SimpleCell": Dialect(*RNN, dense("h", "i", "h", bias="i")),
    "nnx.GRUCell": Dialect(*GRU_AFTER, dense("dense_h", "dense_i", "r -z n", bias="dense_i")),
    "nnx.LSTMCell": Dialect(
        *LSTM,
        tuple(
            e._replace(path=("if_", *e.path[1:])) if e.path[0] == "if" else e
            for e in LINEN_LSTM
        ),
    ),
    "nnx.OptimizedLSTMCell": Dialect(
        *LSTM, dense("dense_h", "dense_i", "i f g o", bias="dense_h")
    ),
    "nnx.SimpleCell": Dialect(*RNN, dense("dense_h", "dense_i", "h", bias="dense_i")),
    "torch.GRU": Dialect(*GRU_AFTER, torch("r -z n", {}), layered=True),
    "torch.LSTM": Dialect(*LSTM, torch("i f g o", {}), layered=True),
    "torch.LSTM(proj_size)": Dialect(
        *PROJECTED, torch("i f g o", {"weight_hr": ("w_p", "p")}), layered=True
    ),
    "torch.RNN": Dialect(*RNN, torch("h", {}), layered=True),
    "torch.RNN(nonlinearity='relu')": Dialect(*RELU, torch("h", {}), layered=True),
}
"""Name -> dialect. A name without arguments stands for the defaults of the library."""
