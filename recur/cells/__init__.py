# SPDX-License-Identifier: Apache-2.0
"""The cells, one file each, and `CELLS`, their names on the command line."""

from collections.abc import Callable

from recur.cell import Cell
from recur.cells.coupled_lstm import coupled_lstm
from recur.cells.gru import GRUParams, gru
from recur.cells.indrnn import IndRNNParams, indrnn
from recur.cells.irnn import irnn
from recur.cells.janet import janet
from recur.cells.layer_norm_gru import LayerNormGRUParams, layer_norm_gru
from recur.cells.layer_norm_lstm import LayerNormLSTMParams, layer_norm_lstm
from recur.cells.lru import LRUParams, LRUState, lru
from recur.cells.lstm import LSTMParams, LSTMState, lstm
from recur.cells.mgu import mgu
from recur.cells.mingru import MinGRUParams, mingru
from recur.cells.minlstm import MinLSTMParams, minlstm
from recur.cells.peephole_lstm import PeepholeLSTMParams, peephole_lstm
from recur.cells.projected_lstm import ProjectedLSTMParams, projected_lstm
from recur.cells.rnn import RNNParams, rnn
from recur.cells.slstm import SLSTMState, slstm
from recur.cells.ugrnn import ugrnn


CELLS: dict[str, Callable[..., Cell]] = {
    "coupled_lstm": coupled_lstm,
    "gru": gru,
    "indrnn": indrnn,
    "irnn": irnn,
    "janet": janet,
    "layer_norm_gru": layer_norm_gru,
    "layer_norm_lstm": layer_norm_lstm,
    "lru": lru,
    "lstm": lstm,
    "mgu": mgu,
    "mingru": mingru,
    "minlstm": minlstm,
    "peephole_lstm": peephole_lstm,
    "projected_lstm": projected_lstm,
    "rnn": rnn,
    "slstm": slstm,
    "ugrnn": ugrnn,
}
"""Name -> factory `(hidden, *, options) -> Cell`."""

__all__ = [
    "CELLS",
    "GRUParams",
    "IndRNNParams",
    "LRUParams",
    "LRUState",
    "LSTMParams",
    "LSTMState",
    "LayerNormGRUParams",
    "LayerNormLSTMParams",
    "MinGRUParams",
    "MinLSTMParams",
    "PeepholeLSTMParams",
    "ProjectedLSTMParams",
    "RNNParams",
    "SLSTMState",
    "coupled_lstm",
    "gru",
    "indrnn",
    "irnn",
    "janet",
    "layer_norm_gru",
    "layer_norm_lstm",
    "lru",
    "lstm",
    "mgu",
    "mingru",
    "minlstm",
    "peephole_lstm",
    "projected_lstm",
    "rnn",
    "slstm",
    "ugrnn",
]
