# SPDX-License-Identifier: Apache-2.0
"""The minGRU: a GRU whose gate and candidate do not depend on the state."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur.affine import affine_project, block_biases
from recur.cell import Cell, check_hidden, factory
from recur.initializers import Initializer, lecun
from recur.names import blocks


class MinGRUParams(NamedTuple):
    """Weights of a `mingru`, blocks z, n on the fused axis.

    Attributes:
      w_x: `[I, 2H]` from the input.
      b: `[2H]`, or None without bias.
    """

    w_x: jax.Array
    b: jax.Array | None


@factory
def mingru(
    hidden: int,
    *,
    keep_bias: float = 0.0,
    bias: bool = True,
    input_init: Initializer = lecun,
) -> Cell:
    """z = sigma(W_x x_t + b),  n = W_x x_t + b,  h_t = (1 - z) * h_{t-1} + z * n.

    Affine in its state h, so `recur.engines.associative` can run it too.

    Args:
      hidden: H [units].
      keep_bias: -b_z at the start; a fresh cell keeps about sigma(keep_bias) a step.
      bias: have a bias b.
      input_init: draws w_x.

    Raises:
      ValueError: `hidden` is below 1.

    Paper: Feng et al., "Were RNNs all we needed?", 2024 (the form without logarithms).
    """
    check_hidden("mingru", hidden)

    gate_biases = (0.0 - keep_bias, 0.0)  # Not -keep_bias, which is -0.0 by default.

    def init(key, input_size):
        return MinGRUParams(
            w_x=input_init(key, (input_size, hidden), 2),
            b=block_biases(hidden, gate_biases) if bias else None,
        )

    def initial_state(params, batch_shape):
        return jnp.zeros((*batch_shape, hidden), params.w_x.dtype)

    def step(params, h, u):
        del params
        z, n = blocks(u, "update", "candidate")
        z = jax.nn.sigmoid(z)
        h = (1 - z) * h + z * n
        return h, h

    return Cell(init, initial_state, affine_project("mingru"), step)
