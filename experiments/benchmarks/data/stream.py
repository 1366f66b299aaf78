# SPDX-License-Identifier: Apache-2.0
"""A text of ids as data: parallel streams in order, windows at random, or read whole.

Each target is the symbol that follows its input.
"""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks.base import Data, in_order
from experiments.networks.base import Batch


def next_symbol(ids: jax.Array) -> Batch:
    """Ids `[T + 1, B]` -> inputs and targets `[T, B]`."""
    return Batch(ids[:-1], ids[1:])


def windows(ids: np.ndarray, steps: int) -> Data:
    """Windows of T steps that begin anywhere in `ids [N]`, N > T."""

    def draw(source, key, step, batch_size):
        del step
        starts = jax.random.randint(key, (batch_size,), 0, len(source) - steps)
        return next_symbol(_at(source, starts + _steps(steps)))

    return Data(_small(ids), draw)


def streams(ids: np.ndarray, steps: int, carry: bool = True) -> Data:
    """Streams side by side, chunk by chunk in order; batch `step` needs no key.

    Each is a contiguous part of the text. Where all have ended, they begin again.

    Args:
      ids: `[N]`.
      steps: T, length of a chunk.
      carry: the state goes on from chunk to chunk; else every chunk is a first one.
    """

    def draw(source, key, step, batch_size):
        del key
        length = (len(source) - 1) // batch_size
        if length < steps:
            raise ValueError(
                f"{len(source)} symbols are too few for {batch_size} streams of chunks of "
                f"{steps}: at most {(len(source) - 1) // steps} streams, or chunks of {length}"
            )
        place = step % (length // steps)
        starts = np.arange(batch_size) * length
        batch = next_symbol(_at(source, starts + place * steps + _steps(steps)))
        return batch._replace(first=jnp.asarray(place == 0 if carry else True))

    return Data(_small(ids), draw)


def read_whole(ids: np.ndarray, rows: int) -> Data:
    """All of a text once, as contiguous rows side by side.

    Each row starts from the initial state, and its last target is the first symbol of the
    next row, so that every symbol but the first of all is predicted exactly once.

    Args:
      ids: `[N]`.
      rows: largest number of rows; a short text has fewer.
    """
    count = max(1, min(rows, (len(ids) - 1) // 2))
    shortest, longer = divmod(len(ids) - 1, count)
    steps = shortest + bool(longer)

    def draw(source, key, step, batch_size):
        del key
        row, real = in_order(step, batch_size, count)
        starts = row * shortest + jnp.minimum(row, longer)
        lengths = jnp.where(real > 0, shortest + (row < longer), 0)
        places = (starts + _steps(steps)).clip(0, len(source) - 1)
        weights = (jnp.arange(steps)[:, None] < lengths).astype(jnp.float32)
        return next_symbol(_at(source, places))._replace(lengths=lengths, weights=weights)

    return Data(_small(ids), draw, size=count)


def _at(source, places):
    return jnp.asarray(source)[places].astype(jnp.int32)


def _steps(steps):
    return jnp.arange(steps + 1)[:, None]


def _small(ids):
    """The ids in the smallest dtype that holds them."""
    return ids.astype(np.min_scalar_type(ids.max(initial=0)))
