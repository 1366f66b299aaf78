# SPDX-License-Identifier: Apache-2.0
"""The error of adjoints computed in different precisions."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from recur.cell import Cell, Params, State
from recur.flow.adjoint import Loss, batch_shape_of, scaled_adjoints
from recur.flow.lag import by_lag
from recur.flow.scaled import log10_norm


class InDtype(NamedTuple):
    """An adjoint in one dtype, compared with float64.

    Attributes:
      curves: the state's pytree of `[T]` log10 norms by lag, -inf where they underflow.
      error: `[T]` by lag, ||found - true|| / ||true|| over the state, the mean over the
        batch.
      accurate_up_to: the largest lag up to which every error is within the tolerance; -1
        if the error at lag 0 is not.
    """

    curves: State
    error: np.ndarray
    accurate_up_to: int


def in_dtypes(
    cell: Cell,
    params: Params,
    xs: jax.Array,
    loss: Loss,
    dtypes: Sequence[Any] = (jnp.float64, jnp.float32, jnp.bfloat16),
    state: State | None = None,
    tolerance: float = 0.1,
) -> dict[str, InDtype]:
    """Compute one adjoint in each dtype, with parameters, inputs and state rounded to it.

    Each is plain backpropagation, as in training, compared with `scaled_adjoints` in
    float64, which neither underflows nor overflows.

    Args:
      cell: any cell.
      params: its parameters.
      xs: `[T, *B, I]` inputs.
      loss: `states -> scalar`, as in `adjoints`.
      dtypes: the dtypes to compute in.
      state: the state before the first step; `cell.initial_state` if None.
      tolerance: the largest relative error that counts as accurate.

    Returns:
      dtype name -> `InDtype`.
    """
    with jax.enable_x64(True):
        cast = lambda dtype: [_cast(tree, dtype) for tree in (params, xs, state)]
        run = lambda params, xs, state: scaled_adjoints(cell, params, xs, loss, state)[2]
        truth = jax.jit(run)(*cast(jnp.float64))

        def compare(dtype):
            p, x, s = cast(dtype)
            plain = lambda params, xs, state: _plain(cell, params, xs, loss, state)
            found = _cast(jax.jit(plain)(p, x, s), jnp.float64)
            error = _relative_error(found, truth)
            wrong = np.flatnonzero(~(error <= tolerance))
            last = int(wrong[0]) - 1 if len(wrong) else len(error) - 1
            return InDtype(_curves(found, truth.exponent.ndim), error, last)

        return {jnp.dtype(dtype).name: compare(dtype) for dtype in dtypes}


def _plain(cell, params, xs, loss, state):
    """Compute adjoints without rescaling: gradients by zeros added to the states."""
    first = cell.initial_state(params, batch_shape_of(xs)) if state is None else state
    us = cell.project(params, xs)
    steps = len(jax.tree.leaves(us)[0])

    def value(probes):
        def step(state, x):
            u, probe = x
            state = jax.tree.map(jnp.add, cell.step(params, state, u)[0], probe)
            return state, state

        return loss(jax.lax.scan(step, first, (us, probes))[1])

    zeros = jax.tree.map(lambda leaf: jnp.zeros((steps, *leaf.shape), leaf.dtype), first)
    return jax.grad(value)(zeros)


def _cast(tree, dtype):
    """Cast floating-point leaves to a dtype."""

    def cast(leaf):
        leaf = jnp.asarray(leaf)
        return leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

    return jax.tree.map(cast, tree)


def _relative_error(found, truth):
    """`[T]` by lag: ||found - true|| / ||true||, the mean over the batch."""
    exponent = np.asarray(truth.exponent)
    rank = exponent.ndim

    def squares(leaf):
        return np.square(leaf).reshape(*exponent.shape, -1).sum(-1)

    difference, size = 0.0, 0.0
    for plain, mantissa in zip(
        jax.tree.leaves(found), jax.tree.leaves(truth.mantissa), strict=True
    ):
        power = -exponent.reshape(exponent.shape + (1,) * (plain.ndim - rank))
        with np.errstate(over="ignore", invalid="ignore"):
            relative = np.ldexp(np.asarray(plain), power)
        difference = difference + squares(relative - np.asarray(mantissa))
        size = size + squares(np.asarray(mantissa))
    with np.errstate(divide="ignore", invalid="ignore"):
        # Where both are exactly zero, the error is 0, not NaN.
        error = np.where(difference == 0, 0, np.sqrt(difference / size))
    return error.reshape(len(exponent), -1).mean(1)[::-1]


def _curves(found, rank):
    return jax.tree.map(lambda leaf: by_lag(log10_norm(leaf, rank)), found)
