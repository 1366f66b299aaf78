# SPDX-License-Identifier: Apache-2.0
"""Arrays of numbers below or above the range of their dtype, as mantissa * 2**exponent."""

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recur.cell import State


ABSENT = -(2**20)
"""The exponent of zero, below that of any product."""


class ScaledAdjoints(NamedTuple):
    """Adjoints below or above the range of their dtype: mantissa * 2**exponent.

    Attributes:
      mantissa: the state's pytree of `[T, *B, ...]`, entries below 2 in magnitude.
      exponent: `[T, *B]` int32, shared by all leaves.
    """

    mantissa: State
    exponent: jax.Array


def unscale(scaled: ScaledAdjoints) -> Any:
    """Convert to plain numbers; those below the range of the dtype become zero."""
    return jax.tree.map(lambda m: scale_far(m, scaled.exponent), scaled.mantissa)


def log10_norms(scaled: ScaledAdjoints) -> Any:
    """Compute log10 of the L2 norm over units, without underflow.

    Returns:
      The state's pytree with `[T, *B]` for each leaf; -inf for exact zeros.
    """
    rank = scaled.exponent.ndim

    def norms(leaf):
        return log10_norm(leaf, rank) + decades(scaled.exponent, leaf.dtype)

    return jax.tree.map(norms, scaled.mantissa)


def decades(exponent: jax.Array, dtype: jax.typing.DTypeLike) -> jax.Array:
    """Compute log10 of 2**exponent, in the real counterpart of a dtype."""
    return exponent.astype(jnp.finfo(dtype).dtype) * math.log10(2)


def log10_norm(leaf: jax.Array, leading: int) -> jax.Array:
    """Compute log10 of the L2 norm over all axes after `leading`; -inf for exact zeros."""
    axes = tuple(range(leading, leaf.ndim))
    size = jnp.abs(leaf)
    peak = size.max(axes, keepdims=True, initial=0)
    # Only squares of entries far below the peak of their own leaf can underflow.
    ratio = size / jnp.where(peak > 0, peak, 1)
    norm = jnp.sqrt(jnp.square(ratio).sum(axes))
    return jnp.log10(norm) + jnp.log10(peak.reshape(norm.shape))


def scale(leaf: jax.Array, exponent: jax.Array) -> jax.Array:
    """Multiply `leaf [*B, ...]` by 2**exponent, exactly."""
    real = jnp.finfo(leaf.dtype).dtype
    factor = jnp.ldexp(jnp.ones((), real), exponent)
    return leaf * factor.reshape(exponent.shape + (1,) * (leaf.ndim - exponent.ndim))


def scale_far(leaf: jax.Array, exponent: jax.Array) -> jax.Array:
    """`scale` in two halves, for powers of two out of the range of the dtype."""
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
    # The inverse of the scale of a subnormal number is out of range.
    mantissa = jax.tree.map(lambda leaf: scale_far(leaf, power), tree)
    return ScaledAdjoints(mantissa, exponent)


def shift(scaled: ScaledAdjoints, exponent: jax.Array) -> ScaledAdjoints:
    """Multiply by 2**exponent."""
    total = jnp.maximum(scaled.exponent + exponent, ABSENT)
    return ScaledAdjoints(scaled.mantissa, total)


def add(a: ScaledAdjoints, b: ScaledAdjoints) -> ScaledAdjoints:
    """Add two scaled trees, under the larger of their exponents."""
    exponent = jnp.maximum(a.exponent, b.exponent)
    mantissa = jax.tree.map(
        lambda x, y: scale(x, a.exponent - exponent) + scale(y, b.exponent - exponent),
        a.mantissa,
        b.mantissa,
    )
    return ScaledAdjoints(mantissa, exponent)
