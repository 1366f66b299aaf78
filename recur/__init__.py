# SPDX-License-Identifier: Apache-2.0
"""recur: recurrent cells as pure functions, and how gradient travels through them."""

from recur import cudnn, engines, flow, initializers, interop
from recur.affine import AffineParams, affine_init, affine_project
from recur.cell import Cell, factory
from recur.cells import (
    CELLS,
    GRUParams,
    IndRNNParams,
    LayerNormGRUParams,
    LayerNormLSTMParams,
    LRUParams,
    LRUState,
    LSTMParams,
    LSTMState,
    MinGRUParams,
    MinLSTMParams,
    PeepholeLSTMParams,
    ProjectedLSTMParams,
    RNNParams,
    SLSTMState,
    coupled_lstm,
    gru,
    indrnn,
    irnn,
    janet,
    layer_norm_gru,
    layer_norm_lstm,
    lru,
    lstm,
    mgu,
    mingru,
    minlstm,
    peephole_lstm,
    projected_lstm,
    rnn,
    slstm,
    ugrnn,
)
from recur.deep import deep
from recur.dropout import drop_connect, input_dropout, state_dropout
from recur.engine import Engine
from recur.layers import Layer, bidirectional, one_way, stack
from recur.names import blocks, named
from recur.noise import Noise, NoisyParams, with_key
from recur.precision import mixed
from recur.tbptt import tbptt
from recur.unroll import unroll
from recur.wrappers import (
    LearnedStateParams,
    learned_state,
    masked,
    resettable,
    residual,
)
from recur.zoneout import ZoneoutState, zoneout


__version__ = "0.1.0"

__all__ = [
    "AffineParams",
    "CELLS",
    "Cell",
    "Engine",
    "GRUParams",
    "IndRNNParams",
    "LRUParams",
    "LRUState",
    "LSTMParams",
    "LSTMState",
    "Layer",
    "LayerNormGRUParams",
    "LayerNormLSTMParams",
    "LearnedStateParams",
    "MinGRUParams",
    "MinLSTMParams",
    "Noise",
    "NoisyParams",
    "PeepholeLSTMParams",
    "ProjectedLSTMParams",
    "RNNParams",
    "SLSTMState",
    "ZoneoutState",
    "affine_init",
    "affine_project",
    "bidirectional",
    "blocks",
    "coupled_lstm",
    "cudnn",
    "deep",
    "drop_connect",
    "engines",
    "factory",
    "flow",
    "gru",
    "indrnn",
    "initializers",
    "input_dropout",
    "interop",
    "irnn",
    "janet",
    "layer_norm_gru",
    "layer_norm_lstm",
    "learned_state",
    "lru",
    "lstm",
    "masked",
    "mgu",
    "mingru",
    "minlstm",
    "mixed",
    "named",
    "one_way",
    "peephole_lstm",
    "projected_lstm",
    "resettable",
    "residual",
    "rnn",
    "slstm",
    "stack",
    "state_dropout",
    "tbptt",
    "ugrnn",
    "unroll",
    "with_key",
    "zoneout",
]
