# SPDX-License-Identifier: Apache-2.0
"""Training on a stream that is longer than a gradient."""

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
    """Truncated backpropagation through time: train on a stream, chunk by chunk.

    The state goes on from chunk to chunk; gradient does not. One loop on the device.

    Args:
      update: `(carry, state, chunk) -> (carry, state, out)`, one update from a chunk;
        the carry is what training changes, as parameters and optimizer state.
      carry: before the first chunk.
      state: the state of the cell before the first chunk.
      stream: a pytree of `[N, ...]`, time first.
      length: steps in a chunk; it divides N.

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
