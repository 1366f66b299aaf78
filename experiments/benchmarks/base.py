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
      targets: `[T, B]`, what is due at each step: int32 classes, or float32 numbers.
      weights: `[T, B]` float32, how much each step counts; None is all alike.
    """

    inputs: jax.Array
    targets: jax.Array
    weights: jax.Array | None = None


class Chunk(NamedTuple):
    """The next piece of B streams that are longer than a gradient.

    Attributes:
      batch: the piece.
      first: `[]` bool, the streams begin here, and so does the state.
    """

    batch: Batch
    first: jax.Array


Draw = Callable[[jax.Array, int], Batch]
"""`(key, batch_size) -> Batch`, jittable; all randomness comes from the key."""

Metrics = Callable[[jax.Array, Batch], dict[str, jax.Array]]
"""`(outputs [T, B, O], batch) -> {name: scalar}`."""


class Profile(NamedTuple):
    """A curve measured on held-out sequences after training.

    Attributes:
      across: what it is measured against, with its unit.
      upwards: what is measured.
      of: `(outputs, batch) -> [N]`, one number for each of 0, 1, ..., N-1 across; NaN
        where there is nothing to measure.
      chance: its value for the best predictor without memory.
    """

    across: str
    upwards: str
    of: Callable[[jax.Array, Batch], jax.Array]
    chance: float


class Benchmark(NamedTuple):
    """A task, with what there is to know about it before anything is trained.

    Attributes:
      steps: T, the length of a sequence.
      input_size: I.
      output_size: O, the number of classes, or of outputs.
      batch: sequences to train on; the last step of each counts.
      loss: `(outputs [T, B, O], targets [T, B]) -> [T, B]`.
      metrics: reported at evaluations.
      baseline: the mean loss of the best predictor without memory.
      chance: metric name -> its value under that predictor.
      symbols: what each one-hot input stands for; empty where inputs are not one-hot.
      held_out: sequences of evaluations; None where those of `batch` are ever new.
      streams: `batch_size -> (step -> Chunk)`, jittable, of a task whose state goes on
        from batch to batch; None where each batch stands alone. Raises ValueError for a
        batch that the data are too short for.
      optimum: the least mean loss that can be had.
      references: predictor -> its mean loss, beside the baseline.
      unit: of the loss.
      profile: what is drawn after training, or None.
      spells: it reads and predicts the same single characters, so it can write.
      notes: what a user should know of the data.
    """

    steps: int
    input_size: int
    output_size: int
    batch: Draw
    loss: Callable[[jax.Array, jax.Array], jax.Array]
    metrics: Metrics
    baseline: float
    chance: dict[str, float]
    symbols: tuple[str, ...] = ()
    held_out: Draw | None = None
    streams: Callable[[int], Callable[[jax.Array], Chunk]] | None = None
    optimum: float = 0.0
    references: dict[str, float] = {}
    unit: str = "nats"
    profile: Profile | None = None
    spells: bool = False
    notes: tuple[str, ...] = ()

    @property
    def examined(self) -> Draw:
        """The sequences of evaluations."""
        return self.held_out or self.batch


def mean_loss(benchmark: Benchmark, outputs: jax.Array, batch: Batch) -> jax.Array:
    """The mean of the loss over all steps, by their weights."""
    return weighted_mean(benchmark.loss(outputs, batch.targets), batch.weights)


def weighted_mean(values: jax.Array, weights: jax.Array | None) -> jax.Array:
    """sum(w v) / sum(w) over all entries; their mean without weights."""
    if weights is None:
        return values.mean()
    return (values * weights).sum() / weights.sum()


def cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """-ln softmax(logits)[target]: `[..., O]` and `[...]` int -> `[...]`, nats."""
    log_p = jax.nn.log_softmax(logits)
    return -jnp.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]


def squared_error(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """(y - target)^2: `[..., 1]` and `[...]` -> `[...]`."""
    return jnp.square(outputs[..., 0] - targets)


def accuracy(logits: jax.Array, batch: Batch) -> jax.Array:
    """The share of steps, by weight, at which the likeliest class is the one due."""
    return weighted_mean(logits.argmax(-1) == batch.targets, batch.weights)


def only_last(targets: jax.Array, steps: int) -> tuple[jax.Array, jax.Array]:
    """What is due at the last step alone: `[B]` -> targets and weights `[T, B]`."""
    shape = steps, *targets.shape
    weights = jnp.zeros(shape).at[-1].set(1.0)
    return jnp.zeros(shape, targets.dtype).at[-1].set(targets), weights


def is_fraction(metric: str) -> bool:
    """Whether a metric lies between 0 and 1, by its name."""
    return metric.endswith(("accuracy", "error"))
