# SPDX-License-Identifier: Apache-2.0
"""recur: recurrent cells as pure functions, and how gradient travels through them."""

from recur import flow, initializers
from recur.cell import Cell
from recur.cells import (
    CELLS,
    GRUParams,
    LSTMParams,
    LSTMState,
    RNNParams,
    gru,
    lstm,
    rnn,
)
from recur.unroll import unroll


__version__ = "0.1.0"

__all__ = [
    "CELLS",
    "Cell",
    "GRUParams",
    "LSTMParams",
    "LSTMState",
    "RNNParams",
    "flow",
    "gru",
    "initializers",
    "lstm",
    "rnn",
    "unroll",
]
