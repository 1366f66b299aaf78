# SPDX-License-Identifier: Apache-2.0
"""Time cut into chunks of equal length, and what is left over."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from recur.cell import State


def chunk_size(steps: int, wanted: int) -> int:
    """T if it is short, else the divisor of T that is next to the size wanted, if there is
    one near it: a remainder costs time."""
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
    """`jax.lax.scan`, chunk by chunk.

    Args:
      run: `(state, xs [size, ...]) -> (state, ys [size, ...])`, a chunk; the last in
        time, of what is left over, can be shorter.
      state: before the first chunk.
      xs: a pytree of `[T, ...]`.
      size: steps in a chunk.
      reverse: from the last chunk to the first.
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
