# SPDX-License-Identifier: Apache-2.0
"""Losses and metrics as sums and counts."""

import jax
import jax.numpy as jnp

from experiments.networks.base import Batch, Terms, valid_steps


def weighted(values: jax.Array, weights: jax.Array | None = None) -> Terms:
    """`(sum w v, sum w)` over all entries; without weights, `(sum v, number)`."""
    if values.dtype == jnp.bool_:
        values = values.astype(jnp.float32)
    if weights is None:
        return values.sum(), jnp.float32(values.size)
    return (values * weights).sum(), weights.sum()


def weights_of(batch: Batch) -> jax.Array | None:
    """The weights of a batch; without any, a step after the end of its sequence has 0."""
    if batch.weights is not None or batch.targets.ndim < 2:
        return batch.weights
    valid = valid_steps(batch.lengths, len(batch.targets))
    return None if valid is None else valid.astype(jnp.float32)


def nats(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """-ln softmax(logits)[target]: `[..., O]` and `[...]` int -> `[...]`."""
    log_p = jax.nn.log_softmax(logits)
    return -jnp.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]


def cross_entropy(logits: jax.Array, batch: Batch) -> Terms:
    """Cross entropy of logits `[..., O]` and classes `[...]`, in nats."""
    return weighted(nats(logits, batch.targets), weights_of(batch))


def squared_error(outputs: jax.Array, batch: Batch) -> Terms:
    """(y - target)^2 of outputs `[..., 1]` and numbers `[...]`."""
    return weighted(jnp.square(outputs[..., 0] - batch.targets), weights_of(batch))


def correct(logits: jax.Array, batch: Batch) -> Terms:
    """Accuracy: the most likely class is the target."""
    return weighted(logits.argmax(-1) == batch.targets, weights_of(batch))


def at_the_end(targets: jax.Array, steps: int) -> tuple[jax.Array, jax.Array]:
    """Targets `[B]` of the last step as targets and weights `[T, B]`."""
    shape = steps, *targets.shape
    weights = jnp.zeros(shape).at[-1].set(1.0)
    return jnp.zeros(shape, targets.dtype).at[-1].set(targets), weights


def last_term(batch: Batch) -> Batch:
    """The batch with the loss of the last weighted step of each sequence alone.

    Targets of one class or number a sequence `[B]` stay as they are.
    """
    if getattr(batch.targets, "ndim", 1) < 2:
        return batch
    weights = _explicit(weights_of(batch), batch.targets)
    steps = jnp.arange(len(weights))[:, None]
    last = jnp.where(weights > 0, steps, -1).max(0)
    return batch._replace(weights=jnp.where(steps == last, weights, 0.0))


def one_term_each(batch: Batch) -> jax.Array:
    """Weights `[N, ...]` of N batches that have one term of the loss each.

    For targets `[T, B]`, N = T and term t is that of step t; for targets `[B]`, N = 1.
    """
    weights = _explicit(weights_of(batch), batch.targets)
    if weights.ndim < 2:
        return weights[None]
    return jnp.eye(len(weights))[:, :, None] * weights


def at_steps(batch: Batch, steps: slice) -> Batch:
    """The batch with the targets and weights of some steps alone."""
    weights = weights_of(batch)
    return batch._replace(
        targets=batch.targets[steps],
        weights=None if weights is None else weights[steps],
        lengths=None,
    )


def by_length(values: jax.Array, weights: jax.Array | None) -> Terms:
    """Terms `[T, B]` -> sums and counts `[T + 1]` after 0, 1, ..., T steps.

    Nothing is measured after 0 steps, so that its count is 0.
    """
    weights = _explicit(weights, values)
    sums, counts = (values * weights).sum(1), weights.sum(1)
    return jnp.pad(sums, (1, 0)), jnp.pad(counts, (1, 0))


def _explicit(weights: jax.Array | None, values: jax.Array) -> jax.Array:
    """The weights, 1 where there are none."""
    return jnp.ones(values.shape) if weights is None else weights
