# SPDX-License-Identifier: Apache-2.0
"""The cells, one file each, and `CELLS`, their names on the command line."""

from collections.abc import Callable

from recur.cell import Cell
from recur.cells.gru import GRUParams, gru
from recur.cells.lstm import LSTMParams, LSTMState, lstm
from recur.cells.rnn import RNNParams, rnn


CELLS: dict[str, Callable[..., Cell]] = {
    "gru": gru,
    "lstm": lstm,
    "rnn": rnn,
}
"""Name -> factory `(hidden, *, options) -> Cell`."""

__all__ = [
    "CELLS",
    "GRUParams",
    "LSTMParams",
    "LSTMState",
    "RNNParams",
    "gru",
    "lstm",
    "rnn",
]
