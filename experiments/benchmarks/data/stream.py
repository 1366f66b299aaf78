# SPDX-License-Identifier: Apache-2.0
"""A sequence of symbols as batches: parallel streams in order, or windows at random."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks.base import Batch, Chunk


def one_hot_batch(ids: jax.Array, symbols: int) -> Batch:
    """Predict the next symbol: ids `[T + 1, B]` -> inputs `[T, B, V]`, targets `[T, B]`."""
    return Batch(jax.nn.one_hot(ids[:-1], symbols), ids[1:])


def windows(ids: np.ndarray, steps: int, symbols: int) -> Callable[[jax.Array, int], Batch]:
    """`(key, batch_size) -> Batch` of windows that begin anywhere.

    Args:
      ids: `[N]`, N > steps.
      steps: T.
      symbols: V.
    """
    source = _small(ids, symbols)

    def draw(key, batch_size):
        starts = jax.random.randint(key, (batch_size,), 0, len(ids) - steps)
        places = starts + jnp.arange(steps + 1)[:, None]
        return one_hot_batch(jnp.asarray(source)[places].astype(jnp.int32), symbols)

    return draw


def streams(
    ids: np.ndarray, steps: int, symbols: int, batch_size: int
) -> Callable[[jax.Array], Chunk]:
    """`step -> Chunk` of B streams side by side, each a contiguous part of the text.

    Args:
      ids: `[N]`.
      steps: T, of a chunk.
      symbols: V.
      batch_size: B.

    Raises:
      ValueError: the text is shorter than one chunk of the batch.
    """
    length = (len(ids) - 1) // batch_size
    if length < steps:
        raise ValueError(
            f"{len(ids)} symbols are too few for {batch_size} streams of chunks of {steps}: "
            f"at most {(len(ids) - 1) // steps} streams, or chunks of {length}"
        )
    starts = np.arange(batch_size) * length
    source = _small(ids, symbols)
    count = length // steps

    def chunk(step):
        place = step % count
        places = starts + place * steps + jnp.arange(steps + 1)[:, None]
        ids = jnp.asarray(source)[places].astype(jnp.int32)
        return Chunk(one_hot_batch(ids, symbols), place == 0)

    return chunk


def in_rows(ids: np.ndarray, symbols: int, batch_size: int) -> Batch:
    """All of it at once, as at most B rows, to the last symbol that fits."""
    rows = max(1, min(batch_size, (len(ids) - 1) // 2))
    length = (len(ids) - 1) // rows
    places = np.arange(rows) * length + np.arange(length + 1)[:, None]
    source = jnp.asarray(_small(ids, symbols))
    return one_hot_batch(source[places].astype(jnp.int32), symbols)


def _small(ids: np.ndarray, symbols: int) -> np.ndarray:
    """The ids in as few bytes as they need, since programs hold them."""
    return ids.astype(np.min_scalar_type(symbols))
