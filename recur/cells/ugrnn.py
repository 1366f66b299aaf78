# SPDX-License-Identifier: Apache-2.0
"""The update gate RNN: a GRU without its reset gate."""

import jax
import jax.numpy as jnp

from recur.affine import affine_init, affine_project
from recur.cell import Cell, check_hidden, factory
from recur.initializers import Initializer, lecun, orthogonal
from recur.names import blocks


@factory
def ugrnn(
    hidden: int,
    *,
    keep_bias: float = 1.0,
    bias: bool = True,
    recurrent_init: Initializer = orthogonal,
    input_init: Initializer = lecun,
) -> Cell:
    """g = sigma(W_h h_{t-1} + W_x x_t + b),  n = tanh(W_h h_{t-1} + W_x x_t + b),
    h_t = g * h_{t-1} + (1 - g) * n.

    g is the share of h that is kept. Parameters are `AffineParams`,
    blocks g, n; the state is h.

    Args:
      hidden: H [units].
      keep_bias: b_g at the start; a fresh cell keeps about sigma(keep_bias) a step.
      bias: have a bias b.
      recurrent_init: draws w_h.
      input_init: draws w_x.

    Raises:
      ValueError: `hidden` is below 1.

    Paper: Collins, Sohl-Dickstein & Sussillo, "Capacity and trainability in recurrent
    neural networks", 2017.
    """
    check_hidden("ugrnn", hidden)
    init = affine_init(hidden, (keep_bias, 0.0), bias, recurrent_init, input_init)

    def initial_state(params, batch_shape):
        return jnp.zeros((*batch_shape, hidden), params.w_h.dtype)

    def step(params, h, u):
        g, n = blocks(h @ params.w_h + u, "update", "candidate")
        g = jax.nn.sigmoid(g)
        h = g * h + (1 - g) * jnp.tanh(n)
        return h, h

    return Cell(init, initial_state, affine_project("ugrnn"), step)
