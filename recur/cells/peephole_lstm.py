# SPDX-License-Identifier: Apache-2.0
"""The LSTM whose gates depend on the cell state."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur.affine import affine_init, affine_project
from recur.cell import Cell, check_hidden, factory
from recur.cells.lstm import LSTMState
from recur.initializers import Initializer, lecun, orthogonal, uniform
from recur.names import named


class PeepholeLSTMParams(NamedTuple):
    """Weights of a `peephole_lstm`, blocks i, f, g, o on the fused axis.

    Attributes:
      w_h, w_x, b: as in `LSTMParams`.
      w_c: `[3H]` peepholes from the cell state to i, f, o, elementwise.
    """

    w_h: jax.Array
    w_x: jax.Array
    b: jax.Array | None
    w_c: jax.Array


@factory
def peephole_lstm(
    hidden: int,
    *,
    forget_bias: float = 1.0,
    bias: bool = True,
    recurrent_init: Initializer = orthogonal,
    input_init: Initializer = lecun,
) -> Cell:
    """i, f = sigma(W_h h_{t-1} + W_x x_t + w_c * c_{t-1} + b),
    c_t = f * c_{t-1} + i * tanh(W_h h_{t-1} + W_x x_t + b),
    o = sigma(W_h h_{t-1} + W_x x_t + w_c * c_t + b),  h_t = o * tanh(c_t).

    The output gate reads the new cell state. The state is `LSTMState(h, c)`.

    Args:
      hidden: H [units].
      forget_bias: b_f at the start; a fresh cell keeps about sigma(forget_bias) a step.
      bias: have a bias b.
      recurrent_init: draws w_h.
      input_init: draws w_x.

    Raises:
      ValueError: `hidden` is below 1.

    Paper: Gers, Schraudolph & Schmidhuber, "Learning precise timing with LSTM recurrent
    networks", 2002.
    """
    check_hidden("peephole_lstm", hidden)
    gate_biases = (0.0, forget_bias, 0.0, 0.0)
    init_affine = affine_init(hidden, gate_biases, bias, recurrent_init, input_init)

    def init(key, input_size):
        key, key_c = jax.random.split(key)
        w_c = uniform(key_c, (1, hidden), 3)[0]
        return PeepholeLSTMParams(*init_affine(key, input_size), w_c)

    def initial_state(params, batch_shape):
        zeros = jnp.zeros((*batch_shape, hidden), params.w_h.dtype)
        return LSTMState(h=zeros, c=zeros)

    def step(params, state, u):
        i, f, g, o = jnp.split(state.h @ params.w_h + u, 4, axis=-1)
        to_i, to_f, to_o = jnp.split(params.w_c, 3)
        i = jax.nn.sigmoid(named(i + to_i * state.c, "input"))
        f = jax.nn.sigmoid(named(f + to_f * state.c, "forget"))
        c = f * state.c + i * jnp.tanh(named(g, "candidate"))
        h = jax.nn.sigmoid(named(o + to_o * c, "output")) * jnp.tanh(c)
        return LSTMState(h, c), h

    return Cell(init, initial_state, affine_project("peephole_lstm"), step)
