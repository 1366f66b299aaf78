# SPDX-License-Identifier: Apache-2.0
"""The GRU with layer normalisation."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur.affine import affine_init, input_product, standardize
from recur.cell import Cell, check_hidden, factory
from recur.initializers import Initializer, lecun, orthogonal
from recur.names import named


class LayerNormGRUParams(NamedTuple):
    """Weights of a `layer_norm_gru`, blocks z, r, n on the fused axis.

    Attributes:
      w_h, w_x, b: as in `GRUParams`.
      gain_h: `[3H]` of the normalised W_h h.
      gain_x: `[3H]` of the normalised W_x x.
    """

    w_h: jax.Array
    w_x: jax.Array
    b: jax.Array | None
    gain_h: jax.Array
    gain_x: jax.Array


@factory
def layer_norm_gru(
    hidden: int,
    *,
    keep_bias: float = 0.0,
    bias: bool = True,
    recurrent_init: Initializer = orthogonal,
    input_init: Initializer = lecun,
) -> Cell:
    """z, r = sigma(LN(W_h h_{t-1}) + LN(W_x x_t) + b),
    n = tanh(r * LN(W_h h_{t-1}) + LN(W_x x_t) + b),  h_t = (1 - z) * h_{t-1} + z * n.

    LN normalises the blocks z and r together, and n separately.
    The reset gate acts after the recurrent product. The state is h.

    Args:
      hidden: H [units].
      keep_bias: -b_z at the start; a fresh cell keeps about sigma(keep_bias) a step.
      bias: have a bias b.
      recurrent_init: draws w_h.
      input_init: draws w_x.

    Raises:
      ValueError: `hidden` is below 1.

    Paper: Ba, Kiros & Hinton, "Layer normalization", 2016.
    """
    check_hidden("layer_norm_gru", hidden)
    gate_biases = (0.0 - keep_bias, 0.0, 0.0)  # Not -keep_bias, which is -0.0 by default.
    init_affine = affine_init(hidden, gate_biases, bias, recurrent_init, input_init)

    def init(key, input_size):
        ones = jnp.ones(3 * hidden)
        return LayerNormGRUParams(*init_affine(key, input_size), ones, ones)

    def initial_state(params, batch_shape):
        return jnp.zeros((*batch_shape, hidden), params.w_h.dtype)

    def norm(product):
        gates, candidate = product[..., : 2 * hidden], product[..., 2 * hidden :]
        return jnp.concatenate([standardize(gates), standardize(candidate)], axis=-1)

    def project(params, xs):
        us = params.gain_x * norm(input_product("layer_norm_gru", params.w_x, xs))
        return us if params.b is None else us + params.b

    def step(params, h, u):
        z_h, r_h, n_h = jnp.split(params.gain_h * norm(h @ params.w_h), 3, axis=-1)
        z_x, r_x, n_x = jnp.split(u, 3, axis=-1)
        z = jax.nn.sigmoid(named(z_h + z_x, "update"))
        r = jax.nn.sigmoid(named(r_h + r_x, "reset"))
        h = (1 - z) * h + z * jnp.tanh(named(r * n_h + n_x, "candidate"))
        return h, h

    return Cell(init, initial_state, project, step)
