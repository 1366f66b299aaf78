# SPDX-License-Identifier: Apache-2.0
"""Parts of batches: by place in a finite set, by step in a sequence."""

import jax
import jax.numpy as jnp

from experiments.networks.base import Batch, Terms


def in_order(
    step: jax.Array | int, batch_size: int, size: int
) -> tuple[jax.Array, jax.Array]:
    """Batch `step` of a finite set: indices `[B]`, and weights `[B]`, 0 past the end."""
    places = step * batch_size + jnp.arange(batch_size)
    return places.clip(0, size - 1), (places < size).astype(jnp.float32)


def at_steps(batch: Batch, steps: slice) -> Batch:
    """The batch with the targets and weights of some steps alone."""
    targets, weights = jax.tree.map(
        lambda leaf: leaf[steps], (batch.targets, batch.weights)
    )
    return batch._replace(targets=targets, weights=weights)


def by_length(values: jax.Array, weights: jax.Array | None) -> Terms:
    """Terms `[T, B]` -> sums and counts `[T + 1]` after 0, 1, ..., T steps.

    Nothing is measured after 0 steps, so that its count is 0.
    """
    weights = jnp.ones(values.shape) if weights is None else weights
    sums, counts = (values * weights).sum(1), weights.sum(1)
    return jnp.pad(sums, (1, 0)), jnp.pad(counts, (1, 0))
