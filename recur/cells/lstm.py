# SPDX-License-Identifier: Apache-2.0
"""The long short-term memory with a forget gate."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur.affine import affine_project
from recur.cell import Cell, check_hidden, factory
from recur.initializers import (
    Initializer,
    check_chrono,
    chrono,
    lecun,
    orthogonal,
)
from recur.names import blocks


class LSTMParams(NamedTuple):
    """Weights of an `lstm`, blocks i, f, g, o on the fused axis.

    Attributes:
      w_h: `[H, 4H]` from the previous h.
      w_x: `[I, 4H]` from the input.
      b: `[4H]`, or None without bias.
    """

    w_h: jax.Array
    w_x: jax.Array
    b: jax.Array | None


class LSTMState(NamedTuple):
    """State of an `lstm`.

    Attributes:
      h: `[*B, H]` hidden state, the output.
      c: `[*B, H]` cell state.
    """

    h: jax.Array
    c: jax.Array


@factory
def lstm(
    hidden: int,
    *,
    forget_bias: float = 1.0,
    chrono_steps: int = 0,
    bias: bool = True,
    recurrent_init: Initializer = orthogonal,
    input_init: Initializer = lecun,
) -> Cell:
    """i, f, o = sigma(W_h h_{t-1} + W_x x_t + b),  g = tanh(W_h h_{t-1} + W_x x_t + b),
    c_t = f * c_{t-1} + i * g,  h_t = o * tanh(c_t).

    Every gate has its own block of W_h, W_x and b. f is the forget gate, the share of the
    cell state c that is kept; i is the input gate, the share of the candidate g that is
    written; o is the output gate, the share of tanh(c) in the hidden state h. * is
    elementwise, sigma the logistic function. The state is `LSTMState(h, c)`, the output h.

    Args:
      hidden: H [units].
      forget_bias: b_f at the start; a fresh cell keeps about sigma(forget_bias) a step.
      chrono_steps: the longest time constant [steps] of a chrono initialisation, which
        sets b_f and b_i in place of forget_bias; 0 is off.
      bias: have a bias b; all but that of the forget gate is zero at the start.
      recurrent_init: draws w_h.
      input_init: draws w_x.

    Raises:
      ValueError: `hidden` is below 1, `chrono_steps` is negative or 1, or a chrono
        initialisation has no bias to set.

    Papers: Hochreiter & Schmidhuber, "Long short-term memory", 1997; Gers, Schmidhuber
    & Cummins, "Learning to forget", 2000; chrono: Tallec & Ollivier, 2018.
    """
    check_hidden("lstm", hidden)
    check_chrono("lstm", chrono_steps, bias)

    def init_bias(key):
        b = jnp.zeros((4, hidden))
        if chrono_steps:
            keep = chrono(key, hidden, chrono_steps)
            return b.at[0].set(-keep).at[1].set(keep).ravel()
        return b.at[1].set(forget_bias).ravel()

    def init(key, input_size):
        key_h, key_x, key_b = jax.random.split(key, 3)
        return LSTMParams(
            w_h=recurrent_init(key_h, (hidden, hidden), 4),
            w_x=input_init(key_x, (input_size, hidden), 4),
            b=init_bias(key_b) if bias else None,
        )

    def initial_state(params, batch_shape):
        zeros = jnp.zeros((*batch_shape, hidden), params.w_h.dtype)
        return LSTMState(h=zeros, c=zeros)

    def step(params, state, u):
        i, f, g, o = blocks(
            state.h @ params.w_h + u, "input", "forget", "candidate", "output"
        )
        i, f, g, o = jax.nn.sigmoid(i), jax.nn.sigmoid(f), jnp.tanh(g), jax.nn.sigmoid(o)
        c = f * state.c + i * g
        h = o * jnp.tanh(c)
        return LSTMState(h, c), h

    return Cell(init, initial_state, affine_project("lstm"), step)
