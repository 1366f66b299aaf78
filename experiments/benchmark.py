# SPDX-License-Identifier: Apache-2.0
"""The `Benchmark` contract: a benchmark is data and pure functions."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Batch(NamedTuple):
    """One batch of sequences, time first.

    Attributes:
      inputs: `[T, B, I]` float32.
      targets: `[T, B]` int32, the class to predict at each step.
    """

    inputs: jax.Array
    targets: jax.Array


class Benchmark(NamedTuple):
    """A task, with what there is to know about it before anything is trained.

    Attributes:
      steps: T, the length of a sequence.
      input_size: I.
      output_size: O, the number of classes.
      batch: `(key, batch_size) -> Batch`, jittable; all randomness comes from the key.
      loss: `(logits [T, B, O], targets [T, B]) -> [T, B]`, nats.
      metrics: `(logits, targets) -> {name: scalar}`, reported at evaluations.
      baseline: the mean loss of the best predictor without memory, nats.
      chance: metric name -> its value under that predictor.
    """

    steps: int
    input_size: int
    output_size: int
    batch: Callable[[jax.Array, int], Batch]
    loss: Callable[[jax.Array, jax.Array], jax.Array]
    metrics: Callable[[jax.Array, jax.Array], dict[str, jax.Array]]
    baseline: float
    chance: dict[str, float]


def cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """-ln softmax(logits)[target]: `[..., O]` and `[...]` int -> `[...]`, nats."""
    log_p = jax.nn.log_softmax(logits)
    return -jnp.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]
