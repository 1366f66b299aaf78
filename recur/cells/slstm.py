# SPDX-License-Identifier: Apache-2.0
"""The sLSTM: exponential gates, a normaliser, and a stabiliser for both."""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from recur.affine import affine_init, affine_project
from recur.cell import Cell, check_hidden, factory
from recur.initializers import Initializer, lecun, orthogonal
from recur.names import blocks


class SLSTMState(NamedTuple):
    """State of an `slstm`, all `[*B, H]`; c and n are stored times exp(-m).

    Attributes:
      h: hidden state, the output.
      c: cell state.
      n: normaliser, the sum of the weights in c.
      m: stabiliser, the logarithm of the scale of c and n.
    """

    h: jax.Array
    c: jax.Array
    n: jax.Array
    m: jax.Array


FORGET = {"exponential": lambda a: a, "sigmoid": jax.nn.log_sigmoid}
"""The logarithm of the forget gate, by name."""


@factory
def slstm(
    hidden: int,
    *,
    forget: Literal["sigmoid", "exponential"] = "sigmoid",
    forget_bias: float = 1.0,
    bias: bool = True,
    recurrent_init: Initializer = orthogonal,
    input_init: Initializer = lecun,
) -> Cell:
    """i = exp(a_i),  f = sigma(a_f) or exp(a_f),  z = tanh(a_z),  o = sigma(a_o),
    c_t = f * c_{t-1} + i * z,  n_t = f * n_{t-1} + i,  h_t = o * c_t / n_t,

    where a = W_h h_{t-1} + W_x x_t + b in four blocks i, f, z, o of `AffineParams`.
    c and n are stored divided by exp(m), m_t = max(ln f + m_{t-1}, a_i), which changes no
    output. One head: W_h is a full matrix.

    Args:
      hidden: H [units].
      forget: the activation of the forget gate.
      forget_bias: b_f at the start; a larger one keeps more of c.
      bias: have a bias b.
      recurrent_init: draws w_h.
      input_init: draws w_x.

    Raises:
      ValueError: `hidden` is below 1, or the forget gate is unknown.

    Paper: Beck et al., "xLSTM: extended long short-term memory", 2024.
    """
    check_hidden("slstm", hidden)
    if forget not in FORGET:
        raise ValueError(f"slstm: forget must be one of {', '.join(FORGET)}; got {forget!r}")
    gate_biases = (0.0, forget_bias, 0.0, 0.0)
    init = affine_init(hidden, gate_biases, bias, recurrent_init, input_init)

    def initial_state(params, batch_shape):
        zeros = jnp.zeros((*batch_shape, hidden), params.w_h.dtype)
        return SLSTMState(h=zeros, c=zeros, n=zeros, m=zeros)

    def step(params, state, u):
        a_i, a_f, a_z, a_o = blocks(
            state.h @ params.w_h + u, "input", "forget", "candidate", "output"
        )
        keep = FORGET[forget](a_f) + state.m
        # Where n is 0 there is nothing to keep, and the scale is that of the new input.
        m = jnp.where(state.n == 0, a_i, jnp.maximum(keep, a_i))
        # Bounded, since exp can overflow to infinity, and infinity times a c of 0 is NaN.
        f, i = jnp.exp(jnp.minimum(keep - m, 60.0)), jnp.exp(a_i - m)
        c = f * state.c + i * jnp.tanh(a_z)
        n = f * state.n + i
        h = jax.nn.sigmoid(a_o) * c / n
        return SLSTMState(h, c, n, m), h

    return Cell(init, initial_state, affine_project("slstm"), step)
