# SPDX-License-Identifier: Apache-2.0
"""Truncated backpropagation through time."""

from collections.abc import Callable
from typing import Any

import jax

from recur.cell import State


def tbptt(
    update: Callable[[Any, State, Any], tuple[Any, State, Any]],
    carry: Any,
    state: State,
    stream: Any,
    length: int,
) -> tuple[Any, State, Any]:
    """Train on a stream chunk by chunk, by truncated backpropagation through time.

    The state passes from chunk to chunk, gradient does not. The loop is one
    `jax.lax.scan`.

    Args:
      update: `(carry, state, chunk) -> (carry, state, out)`, one update from one chunk.
        The carry holds parameters and optimizer state.
      carry: the carry before the first chunk.
      state: the state of the cell before the first chunk.
      stream: a pytree of `[N, ...]`, time first.
      length: steps in a chunk, a divisor of N.

    Returns:
      `(carry, state, outs)` with `outs` stacked over chunks, `[N / length, ...]`.

    Raises:
      ValueError: `length` does not divide N.

    Paper: Williams & Peng, "An efficient gradient-based algorithm for on-line training
    of recurrent network trajectories", 1990.
    """
    total = len(jax.tree.leaves(stream)[0])
    if length < 1 or total % length:
        raise ValueError(
            f"tbptt: length must divide the {total} steps of the stream, got {length}; "
            f"cut the stream to {total - total % max(length, 1)} steps or choose another"
        )

    def chunked(leaf):
        return leaf.reshape(total // length, length, *leaf.shape[1:])

    def step(both, chunk):
        carry, state = both
        carry, state, out = update(carry, jax.lax.stop_gradient(state), chunk)
        return (carry, state), out

    (carry, state), outs = jax.lax.scan(step, (carry, state), jax.tree.map(chunked, stream))
    return carry, state, outs
