# SPDX-License-Identifier: Apache-2.0
"""Input layers: what a network reads, as vectors `[T, B, I]`."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class Embed(NamedTuple):
    """An input layer.

    Attributes:
      width: I, the width of its vectors.
      build: `flax.nnx.Rngs -> module`, where `module(inputs) -> [T, B, I]`.
      vocabulary: number of ids that it reads; 0 where inputs are not ids.
    """

    width: int
    build: Callable[[Any], Any]
    vocabulary: int = 0


def one_hot(size: int) -> Embed:
    """Ids `[T, B]` -> one-hot vectors `[T, B, size]`, without parameters."""

    def build(rngs):
        del rngs
        return lambda ids: jax.nn.one_hot(ids, size)

    return Embed(size, build, size)


def numbers(width: int) -> Embed:
    """Vectors of numbers `[T, B, width]`, read as they are."""

    def build(rngs):
        del rngs
        return lambda inputs: inputs.astype(jnp.float32)

    return Embed(width, build)


def embedding(size: int, width: int) -> Embed:
    """Ids `[T, B]` -> learned vectors `[T, B, width]`, drawn from N(0, 1 / width)."""

    def build(rngs):
        from flax import nnx

        return nnx.Embed(size, width, rngs=rngs)

    return Embed(width, build, size)
