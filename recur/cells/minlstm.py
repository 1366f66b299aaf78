# SPDX-License-Identifier: Apache-2.0
"""The minLSTM: an LSTM whose gates do not depend on the state and are normalised."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur.affine import affine_project, block_biases
from recur.cell import Cell, check_hidden, factory
from recur.initializers import Initializer, lecun
from recur.names import named


class MinLSTMParams(NamedTuple):
    """Weights of a `minlstm`, blocks i, f, n on the fused axis.

    Attributes:
      w_x: `[I, 3H]` from the input.
      b: `[3H]`, or None without bias.
    """

    w_x: jax.Array
    b: jax.Array | None


@factory
def minlstm(
    hidden: int,
    *,
    forget_bias: float = 1.0,
    bias: bool = True,
    input_init: Initializer = lecun,
) -> Cell:
    """i, f = sigma(W_x x_t + b),  n = W_x x_t + b,
    h_t = (f * h_{t-1} + i * n) / (f + i).

    Affine in its state h, so `recur.engines.associative` can run it too.

    Args:
      hidden: H [units].
      forget_bias: b_f at the start; a fresh cell keeps about
        sigma(forget_bias) / (sigma(forget_bias) + 1/2) a step.
      bias: have a bias b.
      input_init: draws w_x.

    Raises:
      ValueError: `hidden` is below 1.

    Paper: Feng et al., "Were RNNs all we needed?", 2024 (the form without logarithms).
    """
    check_hidden("minlstm", hidden)

    def init(key, input_size):
        return MinLSTMParams(
            w_x=input_init(key, (input_size, hidden), 3),
            b=block_biases(hidden, (0.0, forget_bias, 0.0)) if bias else None,
        )

    def initial_state(params, batch_shape):
        return jnp.zeros((*batch_shape, hidden), params.w_x.dtype)

    def step(params, h, u):
        del params
        i, f, n = jnp.split(u, 3, axis=-1)
        # The logit of sigma(f) / (sigma(f) + sigma(i)); logarithms do not underflow.
        ratio = named(jax.nn.log_sigmoid(f) - jax.nn.log_sigmoid(i), "forget")
        keep = jax.nn.sigmoid(ratio)
        h = keep * h + (1 - keep) * named(n, "candidate")
        return h, h

    return Cell(init, initial_state, affine_project("minlstm"), step)
