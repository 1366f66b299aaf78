# SPDX-License-Identifier: Apache-2.0
"""The gated recurrent unit, in its original form and as in cuDNN."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur.affine import affine_project
from recur.cell import Cell, check_hidden, factory
from recur.initializers import (
    Initializer,
    check_chrono,
    chrono,
    lecun,
    orthogonal,
)
from recur.names import blocks, named


class GRUParams(NamedTuple):
    """Weights of a `gru`, blocks z, r, n on the fused axis.

    Attributes:
      w_h: `[H, 3H]` from the previous state.
      w_x: `[I, 3H]` from the input.
      b: `[3H]`, or None without bias.
      b_h: `[H]` inside the reset product, or None unless `reset_after` with bias.
    """

    w_h: jax.Array
    w_x: jax.Array
    b: jax.Array | None
    b_h: jax.Array | None


@factory
def gru(
    hidden: int,
    *,
    reset_after: bool = False,
    keep_bias: float = 0.0,
    chrono_steps: int = 0,
    bias: bool = True,
    recurrent_init: Initializer = orthogonal,
    input_init: Initializer = lecun,
) -> Cell:
    """z, r = sigma(W_h h_{t-1} + W_x x_t + b),  n = tanh(W_h (r * h_{t-1}) + W_x x_t + b),
    h_t = (1 - z) * h_{t-1} + z * n.

    Every gate has its own block of W_h, W_x and b. z is the update gate, the share of the
    state h that is replaced by the candidate n; 1 - z is the share that is kept. r is the
    reset gate, the share of h in the input of the candidate. * is elementwise, sigma the
    logistic function. The state is the array h `[*B, H]`.

    With `reset_after` the candidate is n = tanh(W_x x_t + b + r * (W_h h_{t-1} + b_h)),
    as in cuDNN, PyTorch and Flax. Their z is our 1 - z.

    Args:
      hidden: H [units].
      reset_after: apply the reset gate after the recurrent product, as cuDNN does.
      keep_bias: -b_z at the start; a fresh cell keeps about sigma(keep_bias) a step.
      chrono_steps: the longest time constant [steps] of a chrono initialisation, which
        sets b_z in place of keep_bias; 0 is off.
      bias: have biases; all but that of the update gate are zero at the start.
      recurrent_init: draws w_h.
      input_init: draws w_x.

    Raises:
      ValueError: `hidden` is below 1, `chrono_steps` is negative or 1, or a chrono
        initialisation has no bias to set.

    Papers: Cho et al., "Learning phrase representations using RNN encoder-decoder",
    2014 (arXiv v3; `reset_after` is its v1); chrono: Tallec & Ollivier, 2018.
    """
    check_hidden("gru", hidden)
    check_chrono("gru", chrono_steps, bias)

    def init_bias(key):
        # Not -keep_bias, which is -0.0 by default.
        write = -chrono(key, hidden, chrono_steps) if chrono_steps else 0.0 - keep_bias
        return jnp.zeros((3, hidden)).at[0].set(write).ravel()

    def init(key, input_size):
        key_h, key_x, key_b = jax.random.split(key, 3)
        return GRUParams(
            w_h=recurrent_init(key_h, (hidden, hidden), 3),
            w_x=input_init(key_x, (input_size, hidden), 3),
            b=init_bias(key_b) if bias else None,
            b_h=jnp.zeros(hidden) if bias and reset_after else None,
        )

    def initial_state(params, batch_shape):
        return jnp.zeros((*batch_shape, hidden), params.w_h.dtype)

    def candidate_before(params, h, r):
        return (r * h) @ params.w_h[:, 2 * hidden :]

    def candidate_after(params, h, r):
        recurrent = h @ params.w_h[:, 2 * hidden :]
        return r * (recurrent if params.b_h is None else recurrent + params.b_h)

    candidate = candidate_after if reset_after else candidate_before

    def step(params, h, u):
        gates = h @ params.w_h[:, : 2 * hidden] + u[..., : 2 * hidden]
        z, r = map(jax.nn.sigmoid, blocks(gates, "update", "reset"))
        n = jnp.tanh(named(u[..., 2 * hidden :] + candidate(params, h, r), "candidate"))
        h = (1 - z) * h + z * n
        return h, h

    return Cell(init, initial_state, affine_project("gru"), step)
