# SPDX-License-Identifier: Apache-2.0
"""NVIDIA's LSTM as an engine: the whole loop is one kernel.

    state, ys = recur.unroll(recur.lstm(128), params, xs, engine=recur.cudnn.engine)

For float32 on an NVIDIA GPU, one batch axis, neither lengths nor resets. It has a reverse
pass; forward mode and vmap it has not, and JAX says so when asked.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import rnn

from recur.cell import Cell, Params, State
from recur.cells import LSTMParams, LSTMState, lstm
from recur.engine import Engine


def pack(params: LSTMParams) -> jax.Array:
    """All weights as cuDNN lays them out: W_x, W_h and two biases, blocks i, f, g, o."""
    w_h, w_x, b = params
    none = jnp.zeros(w_h.shape[1], w_h.dtype)
    return jnp.concatenate([w_x.T.ravel(), w_h.T.ravel(), none if b is None else b, none])


def run(
    cell: Cell, params: Params, state: State, xs: Any, *, reverse: bool
) -> tuple[State, jax.Array]:
    """As `recur.engine.Run` has it.

    Raises:
      TypeError: the cell is not an LSTM, or is given lengths or resets, or not float32.
      ValueError: the batch has not one axis, there is no time step, or no NVIDIA GPU.
    """
    _check(cell, params, state, xs)
    steps, batch, features = xs.shape
    hidden = params.w_h.shape[0]
    xs = xs[::-1] if reverse else xs
    ys, h, c = rnn.lstm(
        xs.swapaxes(0, 1),
        state.h[None],
        state.c[None],
        pack(params),
        jnp.full(batch, steps, jnp.int32),
        features,
        hidden,
        1,
        0.0,
        False,
        jax.lax.Precision.HIGHEST,
    )
    ys = ys.swapaxes(0, 1)
    return LSTMState(h[0], c[0]), ys[::-1] if reverse else ys


engine = Engine(run)


def _check(cell, params, state, xs):
    """Refuse what would be computed wrongly, or not at all."""
    if not isinstance(xs, jax.Array):
        raise TypeError("cudnn: takes neither lengths nor resets; use engine='auto'")
    if xs.ndim != 3 or not len(xs):
        raise ValueError(f"cudnn: xs must be [T, B, I] with a time step, got {xs.shape}")
    if {leaf.dtype for leaf in jax.tree.leaves((params, state, xs))} != {jnp.dtype("float32")}:
        raise TypeError("cudnn: everything must be float32; use engine='auto'")
    if not isinstance(params, LSTMParams) or not _is_lstm(cell, params, state, xs):
        raise TypeError("cudnn: only recur.lstm can be computed; use engine='auto'")
    if jax.default_backend() != "gpu":
        raise ValueError(
            f"cudnn: needs an NVIDIA GPU, and JAX computes on {jax.default_backend()} here; "
            f"use engine='auto'"
        )


def _is_lstm(cell, params, state, xs):
    """Whether its step and its projection are those of an LSTM, operation by operation."""
    model = lstm(params.w_h.shape[0])
    written = [
        str(jax.make_jaxpr(which.step)(params, state, which.project(params, xs)[0]))
        + str(jax.make_jaxpr(which.project)(params, xs))
        for which in (cell, model)
    ]
    return written[0] == written[1]
