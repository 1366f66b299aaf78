# SPDX-License-Identifier: Apache-2.0
"""The total derivative of a loss with respect to the state at every time step."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur.cell import Cell, Params, State


ABSENT = -(2**20)
"""Exponent of an adjoint that is zero: below every exponent that a product reaches."""


class ScaledAdjoints(NamedTuple):
    """Adjoints too small or too large for their dtype: mantissa * 2**exponent.

    Attributes:
      mantissa: the states' pytree of `[T, *B, ...]`, all entries below 2 in magnitude.
      exponent: `[T, *B]` int32, shared by all leaves.
    """

    mantissa: State
    exponent: jax.Array


def adjoints(
    cell: Cell,
    params: Params,
    xs: jax.Array,
    loss: Callable[[State], jax.Array],
    state: State | None = None,
) -> tuple[jax.Array, State, State]:
    """Total derivatives of a loss with respect to every state of a trajectory.

    adjoint_t = dL/ds_t = direct_t + (ds_{t+1}/ds_t)^T adjoint_{t+1}, adjoint_T = 0

    s_t is the state after consuming x_t, direct_t the derivative through what the loss
    reads of s_t itself, and the second term all that comes back through later steps.

    Args:
      cell: any cell.
      params: its parameters.
      xs: `[T, *B, I]` inputs, with the flags of a wrapped cell where it is one.
      loss: `states -> scalar`, where `states` is the state's pytree with a leading T.
      state: the state before the first step; `cell.initial_state` if None.

    Returns:
      `(value, states, adjoints)`: the loss, the trajectory `[T, *B, ...]`, and its
      total derivatives in the same structure. What is smaller than the dtype can hold
      is zero here; `scaled_adjoints` keeps it.

    Raises:
      ValueError: the loss is not scalar, or `xs` does not fit.
    """
    value, states, (mantissa, exponent) = scaled_adjoints(cell, params, xs, loss, state)
    return value, states, jax.tree.map(lambda m: _scale(m, exponent), mantissa)


def scaled_adjoints(
    cell: Cell,
    params: Params,
    xs: jax.Array,
    loss: Callable[[State], jax.Array],
    state: State | None = None,
) -> tuple[jax.Array, State, ScaledAdjoints]:
    """`adjoints` that neither underflow nor overflow, however long the sequence.

    Each step of the reverse pass is rescaled by a power of two, which is exact, so
    where the plain adjoint is a normal number the two agree to the last bit.

    Args, raises: as `adjoints`.

    Returns:
      `(value, states, scaled)` with `scaled` a `ScaledAdjoints`.
    """
    batch_shape = jax.tree.leaves(xs)[0].shape[1:-1]
    first = cell.initial_state(params, batch_shape) if state is None else state
    us = cell.project(params, xs)
    states = _trajectory(cell, params, first, us)
    _check_scalar(loss, states)
    value, direct = jax.value_and_grad(loss)(states)
    before = jax.tree.map(lambda s0, s: jnp.concatenate([s0[None], s[:-1]]), first, states)

    def backward(later, step):
        direct, before, u = step
        total = _add(_rescale(direct, batch_shape), later)
        _, pull = jax.vjp(lambda s: cell.step(params, s, u)[0], before)
        earlier = _rescale(pull(total.mantissa)[0], batch_shape)
        exponent = jnp.maximum(earlier.exponent + total.exponent, ABSENT)
        return ScaledAdjoints(earlier.mantissa, exponent), total

    absent = jnp.full(batch_shape, ABSENT, jnp.int32)
    last = ScaledAdjoints(jax.tree.map(jnp.zeros_like, first), absent)
    _, scaled = jax.lax.scan(backward, last, (direct, before, us), reverse=True)
    return value, states, scaled


def _trajectory(cell, params, state, us):
    def forward(state, u):
        state, _ = cell.step(params, state, u)
        return state, state

    return jax.lax.scan(forward, state, us)[1]


def _check_scalar(loss, states):
    value = jax.eval_shape(loss, states)
    if getattr(value, "shape", None) != ():
        raise ValueError(f"adjoints: the loss must be a scalar, got {value}")


def _scale(leaf, exponent):
    """Multiply `leaf [*B, ...]` by 2**exponent, exactly."""
    real = jnp.finfo(leaf.dtype).dtype
    factor = jnp.ldexp(jnp.ones((), real), exponent)
    return leaf * factor.reshape(exponent.shape + (1,) * (leaf.ndim - exponent.ndim))


def _rescale(tree, batch_shape):
    """Bring the largest entry of each batch element into [0.5, 1)."""

    def largest(leaf):
        return jnp.abs(leaf).max(range(len(batch_shape), leaf.ndim), initial=0)

    peaks = [jnp.frexp(largest(leaf)) for leaf in jax.tree.leaves(tree)]
    exponent = functools.reduce(jnp.maximum, [jnp.where(m > 0, e, ABSENT) for m, e in peaks])
    shift = jnp.where(exponent > ABSENT, -exponent, 0)
    # In two halves: the inverse of a subnormal's scale is itself out of range.
    half = shift // 2
    rest = shift - half
    mantissa = jax.tree.map(lambda leaf: _scale(_scale(leaf, half), rest), tree)
    return ScaledAdjoints(mantissa, exponent)


def _add(a, b):
    """The sum of two scaled trees, under the larger of their exponents."""
    exponent = jnp.maximum(a.exponent, b.exponent)
    mantissa = jax.tree.map(
        lambda x, y: _scale(x, a.exponent - exponent) + _scale(y, b.exponent - exponent),
        a.mantissa,
        b.mantissa,
    )
    return ScaledAdjoints(mantissa, exponent)
