# SPDX-License-Identifier: Apache-2.0
"""The LSTM of cuDNN as an engine: one kernel for the whole loop.

    state, ys = recur.unroll(recur.lstm(128), params, xs, engine=recur.cudnn.engine)

For `recur.lstm` in float32 on an NVIDIA GPU, with one batch axis, without lengths or
resets. It supports reverse-mode derivatives. JAX raises an error on forward mode and vmap.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import rnn

from recur.cell import Cell, Params, State
from recur.cells import LSTMParams, LSTMState, lstm
from recur.engine import Engine


def pack(params: LSTMParams) -> jax.Array:
    """Concatenate the weights as cuDNN does: W_x, W_h, two biases, blocks i, f, g, o."""
    w_h, w_x, b = params
    none = jnp.zeros(w_h.shape[1], w_h.dtype)
    return jnp.concatenate([w_x.T.ravel(), w_h.T.ravel(), none if b is None else b, none])


def run(
    cell: Cell, params: Params, state: State, xs: Any, *, reverse: bool
) -> tuple[State, jax.Array]:
    """Run an LSTM, as `recur.engine.Run`.

    Raises:
      TypeError: the cell is not an LSTM, lengths or resets are given, or an array is not
        float32.
      ValueError: `xs` is not `[T, B, I]` with T >= 1, or there is no NVIDIA GPU.
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
    """Check that cuDNN computes this cell on these arrays."""
    if not isinstance(xs, jax.Array):
        raise TypeError("cudnn: does not support lengths or resets; use engine='auto'")
    if xs.ndim != 3 or not len(xs):
        raise ValueError(f"cudnn: xs must be [T, B, I] with T >= 1, got {xs.shape}")
    if {leaf.dtype for leaf in jax.tree.leaves((params, state, xs))} != {jnp.dtype("float32")}:
        raise TypeError("cudnn: all arrays must be float32; use engine='auto'")
    if not isinstance(params, LSTMParams) or not _is_lstm(cell, params, state, xs):
        raise TypeError("cudnn: the cell must be recur.lstm; use engine='auto'")
    if jax.default_backend() != "gpu":
        raise ValueError(
            f"cudnn: needs an NVIDIA GPU, but the backend of JAX is {jax.default_backend()}; "
            f"use engine='auto'"
        )


def _is_lstm(cell, params, state, xs):
    """Whether step and projection have the jaxprs of an LSTM."""
    model = lstm(params.w_h.shape[0])
    written = [
        str(jax.make_jaxpr(which.step)(params, state, which.project(params, xs)[0]))
        + str(jax.make_jaxpr(which.project)(params, xs))
        for which in (cell, model)
    ]
    return written[0] == written[1]
