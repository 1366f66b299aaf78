# SPDX-License-Identifier: Apache-2.0
"""The independently recurrent network: each unit is connected to itself only."""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from recur.affine import affine_project
from recur.cell import Cell, check_hidden, factory
from recur.cells.rnn import ACTIVATIONS, check_activation
from recur.initializers import Initializer, lecun
from recur.names import named


class IndRNNParams(NamedTuple):
    """Weights of an `indrnn`.

    Attributes:
      r: `[H]` from each unit to itself.
      w_x: `[I, H]` from the input.
      b: `[H]`, or None without bias.
    """

    r: jax.Array
    w_x: jax.Array
    b: jax.Array | None


@factory
def indrnn(
    hidden: int,
    *,
    activation: Literal["relu", "tanh", "identity"] = "relu",
    bias: bool = True,
    input_init: Initializer = lecun,
) -> Cell:
    """h_t = g(r * h_{t-1} + W_x x_t + b).

    The derivative of a unit over k steps is r^k where g' = 1. r is uniform on [0, 1] at
    the start, which gives units different time constants. Units interact in the layer
    above. The state is h.

    Args:
      hidden: H [units].
      activation: g.
      bias: have a bias b, zero at the start.
      input_init: draws w_x.

    Raises:
      ValueError: `hidden` is below 1, or the activation is unknown.

    Paper: Li et al., "Independently recurrent neural network (IndRNN)", 2018.
    """
    check_hidden("indrnn", hidden)
    check_activation("indrnn", activation)
    g = ACTIVATIONS[activation]

    def init(key, input_size):
        key_r, key_x = jax.random.split(key)
        return IndRNNParams(
            r=jax.random.uniform(key_r, (hidden,)),
            w_x=input_init(key_x, (input_size, hidden), 1),
            b=jnp.zeros(hidden) if bias else None,
        )

    def initial_state(params, batch_shape):
        return jnp.zeros((*batch_shape, hidden), params.r.dtype)

    def step(params, h, u):
        h = g(named(params.r * h + u, "activation"))
        return h, h

    return Cell(init, initial_state, affine_project("indrnn"), step)
