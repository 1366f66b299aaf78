# SPDX-License-Identifier: Apache-2.0
"""Cut time into chunks of equal length, and a shorter last one."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from recur.cell import State


def chunk_size(steps: int, wanted: int) -> int:
    """Choose the steps in a chunk: a divisor of T if one is near, as a remainder costs time.

    Args:
      steps: T. Up to twice the wanted size it is one chunk.
      wanted: the size to come near to; divisors of T between half and twice of it count.
    """
    if 0 < steps <= 2 * wanted:
        return steps
    near = [size for size in range(wanted // 2 + 1, 2 * wanted) if steps % size == 0]
    return min(near, key=lambda size: abs(size - wanted), default=wanted)


def over_chunks(
    run: Callable[[State, Any], tuple[State, Any]],
    state: State,
    xs: Any,
    *,
    size: int,
    reverse: bool,
) -> tuple[State, Any]:
    """Scan over chunks of time.

    Args:
      run: `(state, xs [size, ...]) -> (state, ys [size, ...])`, one chunk. The last chunk
        in time is shorter where `size` does not divide T.
      state: before the first chunk.
      xs: a pytree of `[T, ...]`.
      size: steps in a chunk.
      reverse: from the last chunk to the first.

    Returns:
      `(state, ys [T, ...])`.
    """
    steps = len(jax.tree.leaves(xs)[0])
    whole = steps - steps % size

    def run_chunks(state):
        chunks = jax.tree.map(
            lambda x: x[:whole].reshape(whole // size, size, *x.shape[1:]), xs
        )
        state, ys = jax.lax.scan(run, state, chunks, reverse=reverse)
        return state, jax.tree.map(lambda y: y.reshape(whole, *y.shape[2:]), ys)

    if whole == steps:
        return run_chunks(state)
    rest = jax.tree.map(lambda x: x[whole:], xs)
    if reverse:
        state, last = run(state, rest)
        state, ys = run_chunks(state)
    else:
        state, ys = run_chunks(state)
        state, last = run(state, rest)
    return state, jax.tree.map(lambda y, z: jnp.concatenate([y, z]), ys, last)
