# SPDX-License-Identifier: Apache-2.0
"""The minimal gated unit: a GRU with one gate."""

import jax
import jax.numpy as jnp

from recur.affine import affine_init, affine_project
from recur.cell import Cell, check_hidden, factory
from recur.initializers import Initializer, lecun, orthogonal
from recur.names import named


@factory
def mgu(
    hidden: int,
    *,
    keep_bias: float = 0.0,
    bias: bool = True,
    recurrent_init: Initializer = orthogonal,
    input_init: Initializer = lecun,
) -> Cell:
    """f = sigma(W_h h_{t-1} + W_x x_t + b),  n = tanh(W_h (f * h_{t-1}) + W_x x_t + b),
    h_t = (1 - f) * h_{t-1} + f * n.

    One gate does the work of both gates of a GRU. f, the forget gate of the paper, is the
    share of h that is replaced. Parameters are `AffineParams`, blocks f, n. The state is
    h.

    Args:
      hidden: H [units].
      keep_bias: -b_f at the start; a fresh cell keeps about sigma(keep_bias) a step.
      bias: have a bias b.
      recurrent_init: draws w_h.
      input_init: draws w_x.

    Raises:
      ValueError: `hidden` is below 1.

    Paper: Zhou, Wu, Zhang & Zhou, "Minimal gated unit for recurrent neural networks",
    2016.
    """
    check_hidden("mgu", hidden)
    gate_biases = (0.0 - keep_bias, 0.0)  # Not -keep_bias, which is -0.0 by default.
    init = affine_init(hidden, gate_biases, bias, recurrent_init, input_init)

    def initial_state(params, batch_shape):
        return jnp.zeros((*batch_shape, hidden), params.w_h.dtype)

    def step(params, h, u):
        f = jax.nn.sigmoid(
            named(h @ params.w_h[:, :hidden] + u[..., :hidden], "forget")
        )
        n = (f * h) @ params.w_h[:, hidden:] + u[..., hidden:]
        h = (1 - f) * h + f * jnp.tanh(named(n, "candidate"))
        return h, h

    return Cell(init, initial_state, affine_project("mgu"), step)
