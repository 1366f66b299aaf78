# SPDX-License-Identifier: Apache-2.0
"""The LSTM whose output is a projection of its cell state."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur.affine import affine_project, block_biases
from recur.cell import Cell, check_hidden, factory
from recur.cells.lstm import LSTMState
from recur.initializers import Initializer, lecun
from recur.names import blocks


class ProjectedLSTMParams(NamedTuple):
    """Weights of a `projected_lstm`, blocks i, f, g, o on the fused axis.

    Attributes:
      w_h: `[P, 4H]` from the previous output.
      w_x: `[I, 4H]` from the input.
      b: `[4H]`, or None without bias.
      w_p: `[H, P]` from the cell to the output.
    """

    w_h: jax.Array
    w_x: jax.Array
    b: jax.Array | None
    w_p: jax.Array


@factory
def projected_lstm(
    hidden: int,
    *,
    projection: int = 0,
    forget_bias: float = 1.0,
    bias: bool = True,
    recurrent_init: Initializer = lecun,
    input_init: Initializer = lecun,
) -> Cell:
    """i, f, g, o as in `lstm`,  c_t = f * c_{t-1} + i * g,  h_t = W_p (o * tanh(c_t)).

    The state is `LSTMState(h, c)`, h `[*B, P]` and c `[*B, H]`; the output is h.

    Args:
      hidden: H [units], the width of the cell state.
      projection: P [units], the width of the output; 0 is half of H, rounded up.
      forget_bias: b_f at the start; a fresh cell keeps about sigma(forget_bias) a step.
      bias: have a bias b.
      recurrent_init: draws w_h and w_p.
      input_init: draws w_x.

    Raises:
      ValueError: `hidden` is below 1, or `projection` negative.

    Paper: Sak, Senior & Beaufays, "Long short-term memory recurrent neural network
    architectures for large scale acoustic modeling", 2014.
    """
    check_hidden("projected_lstm", hidden)
    if projection < 0:
        raise ValueError(f"projected_lstm: projection must be >= 0, got {projection}")
    out = projection or (hidden + 1) // 2

    def init(key, input_size):
        key_h, key_x, key_p = jax.random.split(key, 3)
        return ProjectedLSTMParams(
            w_h=recurrent_init(key_h, (out, hidden), 4),
            w_x=input_init(key_x, (input_size, hidden), 4),
            b=block_biases(hidden, (0.0, forget_bias, 0.0, 0.0)) if bias else None,
            w_p=recurrent_init(key_p, (hidden, out), 1),
        )

    def initial_state(params, batch_shape):
        dtype = params.w_h.dtype
        return LSTMState(
            h=jnp.zeros((*batch_shape, out), dtype), c=jnp.zeros((*batch_shape, hidden), dtype)
        )

    def step(params, state, u):
        i, f, g, o = blocks(
            state.h @ params.w_h + u, "input", "forget", "candidate", "output"
        )
        c = jax.nn.sigmoid(f) * state.c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = (jax.nn.sigmoid(o) * jnp.tanh(c)) @ params.w_p
        return LSTMState(h, c), h

    return Cell(init, initial_state, affine_project("projected_lstm"), step)
