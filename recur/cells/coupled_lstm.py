# SPDX-License-Identifier: Apache-2.0
"""The LSTM with coupled input and forget gates, i = 1 - f."""

import jax
import jax.numpy as jnp

from recur.affine import affine_init, affine_project
from recur.cell import Cell, check_hidden, factory
from recur.cells.lstm import LSTMState
from recur.initializers import Initializer, lecun, orthogonal
from recur.names import blocks


@factory
def coupled_lstm(
    hidden: int,
    *,
    forget_bias: float = 1.0,
    bias: bool = True,
    recurrent_init: Initializer = orthogonal,
    input_init: Initializer = lecun,
) -> Cell:
    """f, o = sigma(W_h h_{t-1} + W_x x_t + b),  g = tanh(W_h h_{t-1} + W_x x_t + b),
    c_t = f * c_{t-1} + (1 - f) * g,  h_t = o * tanh(c_t).

    The input gate is i = 1 - f. Parameters are `AffineParams`, blocks
    f, g, o; the state is `LSTMState(h, c)`.

    Args:
      hidden: H [units].
      forget_bias: b_f at the start; a fresh cell keeps about sigma(forget_bias) a step.
      bias: have a bias b.
      recurrent_init: draws w_h.
      input_init: draws w_x.

    Raises:
      ValueError: `hidden` is below 1.

    Paper: Greff et al., "LSTM: a search space odyssey", 2015 (CIFG).
    """
    check_hidden("coupled_lstm", hidden)
    init = affine_init(hidden, (forget_bias, 0.0, 0.0), bias, recurrent_init, input_init)

    def initial_state(params, batch_shape):
        zeros = jnp.zeros((*batch_shape, hidden), params.w_h.dtype)
        return LSTMState(h=zeros, c=zeros)

    def step(params, state, u):
        f, g, o = blocks(state.h @ params.w_h + u, "forget", "candidate", "output")
        f = jax.nn.sigmoid(f)
        c = f * state.c + (1 - f) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return LSTMState(h, c), h

    return Cell(init, initial_state, affine_project("coupled_lstm"), step)
