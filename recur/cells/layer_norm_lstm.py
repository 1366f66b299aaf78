# SPDX-License-Identifier: Apache-2.0
"""The LSTM with layer normalisation."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur.affine import affine_init, input_product, standardize
from recur.cell import Cell, check_hidden, factory
from recur.cells.lstm import LSTMState
from recur.initializers import Initializer, lecun, orthogonal
from recur.names import blocks


class LayerNormLSTMParams(NamedTuple):
    """Weights of a `layer_norm_lstm`, blocks i, f, g, o on the fused axis.

    Attributes:
      w_h, w_x, b: as in `LSTMParams`.
      gain_h: `[4H]` of the normalised W_h h.
      gain_x: `[4H]` of the normalised W_x x.
      gain_c: `[H]` of the normalised cell state.
      b_c: `[H]` added to the normalised cell state.
    """

    w_h: jax.Array
    w_x: jax.Array
    b: jax.Array | None
    gain_h: jax.Array
    gain_x: jax.Array
    gain_c: jax.Array
    b_c: jax.Array


@factory
def layer_norm_lstm(
    hidden: int,
    *,
    forget_bias: float = 1.0,
    bias: bool = True,
    recurrent_init: Initializer = orthogonal,
    input_init: Initializer = lecun,
) -> Cell:
    """i, f, g, o as in `lstm`, of LN(W_h h_{t-1}) + LN(W_x x_t) + b,
    c_t = f * c_{t-1} + i * g,  h_t = o * tanh(LN(c_t)).

    LN normalises all blocks together; each has its own gains. The state is `LSTMState(h, c)`.

    Args:
      hidden: H [units].
      forget_bias: b_f at the start; a fresh cell keeps about sigma(forget_bias) a step.
      bias: have a bias b.
      recurrent_init: draws w_h.
      input_init: draws w_x.

    Raises:
      ValueError: `hidden` is below 1.

    Paper: Ba, Kiros & Hinton, "Layer normalization", 2016.
    """
    check_hidden("layer_norm_lstm", hidden)
    gate_biases = (0.0, forget_bias, 0.0, 0.0)
    init_affine = affine_init(hidden, gate_biases, bias, recurrent_init, input_init)

    def init(key, input_size):
        ones, wide = jnp.ones(hidden), jnp.ones(4 * hidden)
        return LayerNormLSTMParams(*init_affine(key, input_size), wide, wide, ones, 0 * ones)

    def initial_state(params, batch_shape):
        zeros = jnp.zeros((*batch_shape, hidden), params.w_h.dtype)
        return LSTMState(h=zeros, c=zeros)

    def project(params, xs):
        product = input_product("layer_norm_lstm", params.w_x, xs)
        us = params.gain_x * standardize(product)
        return us if params.b is None else us + params.b

    def step(params, state, u):
        recurrent = params.gain_h * standardize(state.h @ params.w_h)
        i, f, g, o = blocks(recurrent + u, "input", "forget", "candidate", "output")
        c = jax.nn.sigmoid(f) * state.c + jax.nn.sigmoid(i) * jnp.tanh(g)
        shown = params.gain_c * standardize(c) + params.b_c
        h = jax.nn.sigmoid(o) * jnp.tanh(shown)
        return LSTMState(h, c), h

    return Cell(init, initial_state, project, step)
