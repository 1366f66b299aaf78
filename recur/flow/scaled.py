# SPDX-License-Identifier: Apache-2.0
"""Numbers too small or too large for their dtype: a mantissa and a power of two."""

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recur.cell import State


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


def unscale(scaled: ScaledAdjoints) -> Any:
    """The pytree as plain numbers; what is smaller than the dtype can hold is zero."""
    return jax.tree.map(lambda m: scale_far(m, scaled.exponent), scaled.mantissa)


def log10_norms(scaled: ScaledAdjoints) -> Any:
    """log10 of the L2 norm over units: the pytree with `[T, *B]` for each leaf.

    -inf for exact zeros. Nothing underflows.
    """
    rank = scaled.exponent.ndim

    def norms(leaf):
        return log10_norm(leaf, rank) + decades(scaled.exponent, leaf.dtype)

    return jax.tree.map(norms, scaled.mantissa)


def decades(exponent: jax.Array, dtype: jax.typing.DTypeLike) -> jax.Array:
    """log10 of 2**exponent, in the real dtype that goes with a dtype."""
    return exponent.astype(jnp.finfo(dtype).dtype) * math.log10(2)


def log10_norm(leaf: jax.Array, leading: int) -> jax.Array:
    """log10 of the L2 norm over all but the `leading` axes; -inf for exact zeros."""
    axes = tuple(range(leading, leaf.ndim))
    size = jnp.abs(leaf)
    peak = size.max(axes, keepdims=True, initial=0)
    # Squares of what is far below the peak of its own leaf may vanish, no others.
    ratio = size / jnp.where(peak > 0, peak, 1)
    norm = jnp.sqrt(jnp.square(ratio).sum(axes))
    return jnp.log10(norm) + jnp.log10(peak.reshape(norm.shape))


def scale(leaf: jax.Array, exponent: jax.Array) -> jax.Array:
    """Multiply `leaf [*B, ...]` by 2**exponent, exactly."""
    real = jnp.finfo(leaf.dtype).dtype
    factor = jnp.ldexp(jnp.ones((), real), exponent)
    return leaf * factor.reshape(exponent.shape + (1,) * (leaf.ndim - exponent.ndim))


def scale_far(leaf: jax.Array, exponent: jax.Array) -> jax.Array:
    """`scale` where the power itself may be out of range: in two halves."""
    half = exponent // 2
    return scale(scale(leaf, half), exponent - half)


def rescale(tree: Any, batch_shape: Sequence[int]) -> ScaledAdjoints:
    """Bring the largest entry of each batch element into [0.5, 1)."""
    rank = len(batch_shape)

    def largest(leaf):
        return jnp.abs(leaf).max(range(rank, leaf.ndim), initial=0)

    peaks = [jnp.frexp(largest(leaf)) for leaf in jax.tree.leaves(tree)]
    exponent = functools.reduce(jnp.maximum, [jnp.where(m > 0, e, ABSENT) for m, e in peaks])
    power = jnp.where(exponent > ABSENT, -exponent, 0)
    # The inverse of a subnormal's scale is itself out of range.
    mantissa = jax.tree.map(lambda leaf: scale_far(leaf, power), tree)
    return ScaledAdjoints(mantissa, exponent)


def shift(scaled: ScaledAdjoints, exponent: jax.Array) -> ScaledAdjoints:
    """Times 2**exponent."""
    total = jnp.maximum(scaled.exponent + exponent, ABSENT)
    return ScaledAdjoints(scaled.mantissa, total)


def add(a: ScaledAdjoints, b: ScaledAdjoints) -> ScaledAdjoints:
    """The sum of two scaled trees, under the larger of their exponents."""
    exponent = jnp.maximum(a.exponent, b.exponent)
    mantissa = jax.tree.map(
        lambda x, y: scale(x, a.exponent - exponent) + scale(y, b.exponent - exponent),
        a.mantissa,
        b.mantissa,
    )
    return ScaledAdjoints(mantissa, exponent)
