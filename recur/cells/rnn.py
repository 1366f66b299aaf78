# SPDX-License-Identifier: Apache-2.0
"""The plain recurrent network of Elman."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from recur.affine import affine_project
from recur.cell import Cell, check_hidden, factory
from recur.initializers import Initializer, lecun, orthogonal
from recur.names import named


ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "identity": lambda x: x,
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
}


class RNNParams(NamedTuple):
    """Weights of an `rnn`.

    Attributes:
      w_h: `[H, H]` from the previous state.
      w_x: `[I, H]` from the input.
      b: `[H]`, or None without bias.
    """

    w_h: jax.Array
    w_x: jax.Array
    b: jax.Array | None


@factory
def rnn(
    hidden: int,
    *,
    activation: Literal["tanh", "relu", "identity"] = "tanh",
    bias: bool = True,
    recurrent_init: Initializer = orthogonal,
    input_init: Initializer = lecun,
) -> Cell:
    """h_t = g(W_h h_{t-1} + W_x x_t + b).

    h_t is the state and the output, x_t the input, g the activation. The state is the
    array h `[*B, H]`.

    Args:
      hidden: H [units].
      activation: g.
      bias: have a bias b, zero at the start.
      recurrent_init: draws w_h.
      input_init: draws w_x.

    Raises:
      ValueError: `hidden` is below 1, or the activation is unknown.

    Paper: Elman, "Finding structure in time", 1990.
    """
    check_hidden("rnn", hidden)
    check_activation("rnn", activation)
    g = ACTIVATIONS[activation]

    def init(key, input_size):
        key_h, key_x = jax.random.split(key)
        return RNNParams(
            w_h=recurrent_init(key_h, (hidden, hidden), 1),
            w_x=input_init(key_x, (input_size, hidden), 1),
            b=jnp.zeros(hidden) if bias else None,
        )

    def initial_state(params, batch_shape):
        return jnp.zeros((*batch_shape, hidden), params.w_h.dtype)

    def step(params, h, u):
        h = g(named(h @ params.w_h + u, "activation"))
        return h, h

    return Cell(init, initial_state, affine_project("rnn"), step)


def check_activation(name: str, activation: str) -> None:
    """Check the name of an activation.

    Raises:
      ValueError: `ACTIVATIONS` has no such name.
    """
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"{name}: activation must be one of {', '.join(ACTIVATIONS)}; "
            f"got {activation!r}"
        )
