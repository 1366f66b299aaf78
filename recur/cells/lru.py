# SPDX-License-Identifier: Apache-2.0
"""The linear recurrent unit: a diagonal complex recurrence, stable by construction."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur.affine import input_product
from recur.cell import Cell, check_hidden, factory
from recur.initializers import Initializer, lecun


class LRUParams(NamedTuple):
    """Weights of an `lru`.

    Attributes:
      nu: `[H]`, |lambda| = exp(-exp(nu)).
      theta: `[H]`, the angle of lambda is exp(theta) [radians a step].
      log_gamma: `[H]`, the logarithm of the input scale.
      w_x: `[I, 3H]` from the input, blocks Re B, Im B, D.
      w_s: `[2H, H]` from (re, im) to the output, Re C above -Im C.
    """

    nu: jax.Array
    theta: jax.Array
    log_gamma: jax.Array
    w_x: jax.Array
    w_s: jax.Array


class LRUState(NamedTuple):
    """State of an `lru`, all `[*B, H]`.

    Attributes:
      h: the output.
      re: the real part of s.
      im: the imaginary part of s.
    """

    h: jax.Array
    re: jax.Array
    im: jax.Array


@factory
def lru(
    hidden: int,
    *,
    min_radius: float = 0.0,
    max_radius: float = 1.0,
    max_phase: float = 6.28,
    input_init: Initializer = lecun,
    output_init: Initializer = lecun,
) -> Cell:
    """s_t = lambda * s_{t-1} + gamma * B x_t,  h_t = Re(C s_t) + D x_t, s complex.

    lambda = exp(-exp(nu) + i exp(theta)) starts uniform on the ring of the complex
    plane between the radii; gamma starts at sqrt(1 - |lambda|^2). Affine in its state,
    so `recur.engines.associative` can run it too.

    Args:
      hidden: H [units], of s and of h.
      min_radius: smallest |lambda| at the start.
      max_radius: largest |lambda| at the start.
      max_phase: largest angle of lambda at the start [radians a step].
      input_init: draws w_x.
      output_init: draws w_s.

    Raises:
      ValueError: `hidden` is below 1; the radii are not 0 <= min < max <= 1; the phase
        is not above 0.

    Paper: Orvieto et al., "Resurrecting recurrent neural networks for long sequences",
    2023.
    """
    check_hidden("lru", hidden)
    if not (0 <= min_radius < max_radius <= 1 and max_phase > 0):
        raise ValueError(
            f"lru: 0 <= min_radius < max_radius <= 1 and max_phase > 0; got "
            f"{min_radius}, {max_radius}, {max_phase}"
        )

    def init(key, input_size):
        key_r, key_p, key_x, key_s = jax.random.split(key, 4)
        # Not 0 or 1: log(-log(share)) must be finite.
        share = jax.random.uniform(key_r, (hidden,), minval=1e-4, maxval=1 - 1e-4)
        squared = min_radius**2 + share * (max_radius**2 - min_radius**2)
        phase = jax.random.uniform(key_p, (hidden,), minval=1e-4, maxval=1.0)
        return LRUParams(
            nu=jnp.log(-0.5 * jnp.log(squared)),
            theta=jnp.log(max_phase * phase),
            log_gamma=0.5 * jnp.log1p(-squared),
            w_x=input_init(key_x, (input_size, hidden), 3),
            w_s=output_init(key_s, (2 * hidden, hidden), 1),
        )

    def initial_state(params, batch_shape):
        zeros = jnp.zeros((*batch_shape, hidden), params.w_x.dtype)
        return LRUState(h=zeros, re=zeros, im=zeros)

    def project(params, xs):
        b_re, b_im, d = jnp.split(input_product("lru", params.w_x, xs), 3, axis=-1)
        gamma = jnp.exp(params.log_gamma)
        return gamma * b_re, gamma * b_im, d

    def step(params, state, u):
        b_re, b_im, d = u
        radius, angle = jnp.exp(-jnp.exp(params.nu)), jnp.exp(params.theta)
        cos, sin = radius * jnp.cos(angle), radius * jnp.sin(angle)
        re = cos * state.re - sin * state.im + b_re
        im = sin * state.re + cos * state.im + b_im
        h = jnp.concatenate([re, im], axis=-1) @ params.w_s + d
        return LRUState(h, re, im), h

    return Cell(init, initial_state, project, step)
