# SPDX-License-Identifier: Apache-2.0
"""JANET, just another network: an LSTM with a forget gate and no other."""

import jax
import jax.numpy as jnp

from recur.affine import affine_init, affine_project
from recur.cell import Cell, check_hidden, factory
from recur.initializers import Initializer, check_chrono, chrono, lecun, orthogonal
from recur.names import blocks


@factory
def janet(
    hidden: int,
    *,
    forget_bias: float = 1.0,
    beta: float = 1.0,
    chrono_steps: int = 0,
    bias: bool = True,
    recurrent_init: Initializer = orthogonal,
    input_init: Initializer = lecun,
) -> Cell:
    """s = W_h h_{t-1} + W_x x_t + b,  n = tanh(W_h h_{t-1} + W_x x_t + b),
    h_t = sigma(s) * h_{t-1} + (1 - sigma(s - beta)) * n.

    Parameters are `AffineParams`, blocks s, n; the state is h.

    Args:
      hidden: H [units].
      forget_bias: b_s at the start; a fresh cell keeps about sigma(forget_bias) a step.
      beta: the larger, the more is written for the same s; 0 couples writing to
        forgetting, as in `coupled_lstm`.
      chrono_steps: the longest time constant [steps] of a chrono initialisation, which
        sets b_s in place of forget_bias; 0 is off.
      bias: have a bias b.
      recurrent_init: draws w_h.
      input_init: draws w_x.

    Raises:
      ValueError: `hidden` is below 1, `chrono_steps` is negative or 1, or a chrono
        initialisation has no bias to set.

    Paper: van der Westhuizen & Lasenby, "The unreasonable effectiveness of the forget
    gate", 2018.
    """
    check_hidden("janet", hidden)
    check_chrono("janet", chrono_steps, bias)
    gate_biases = (forget_bias, 0.0)
    init_affine = affine_init(hidden, gate_biases, bias, recurrent_init, input_init)

    def init(key, input_size):
        key, key_b = jax.random.split(key)
        params = init_affine(key, input_size)
        if not chrono_steps or params.b is None:
            return params
        keep = chrono(key_b, hidden, chrono_steps)
        return params._replace(b=params.b.at[:hidden].set(keep))

    def initial_state(params, batch_shape):
        return jnp.zeros((*batch_shape, hidden), params.w_h.dtype)

    def step(params, h, u):
        s, n = blocks(h @ params.w_h + u, "forget", "candidate")
        h = jax.nn.sigmoid(s) * h + jax.nn.sigmoid(beta - s) * jnp.tanh(n)
        return h, h

    return Cell(init, initial_state, affine_project("janet"), step)
