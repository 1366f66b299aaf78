# SPDX-License-Identifier: Apache-2.0
"""The contract of a benchmark: data, a network, a loss and metrics."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from experiments.config.options import Value
from experiments.networks.base import Batch, Loss, Terms
from experiments.networks.sequence import MakeNetwork


Draw = Callable[[Any, jax.Array, jax.Array | int, int], Batch]
"""`(arrays, key, step, batch_size) -> Batch`: pure and jittable."""


class Data(NamedTuple):
    """A source of batches.

    Attributes:
      arrays: pytree of the data. Compiled programs take it as an argument.
      draw: `(arrays, key, step, batch_size) -> Batch`; the key is that of this step, so
        that a run resumes from one integer.
      size: sequences in the set. Step 0, 1, ... then give them in order, with weight 0
        past the end. None: every key gives new sequences.
    """

    arrays: Any
    draw: Draw
    size: int | None = None


class Metric(NamedTuple):
    """A number reported at evaluations.

    Attributes:
      terms: `(outputs, batch) -> (sum, count)`, added up over the whole set.
      memoryless: value of the best predictor without memory; None where unknown.
      unit: unit of the value; empty for a fraction.
      best: the best value that can be had; None where unknown.
      bounded: it lies between 0 and 1.
    """

    terms: Callable[[Any, Batch], Terms]
    memoryless: float | None
    unit: str = ""
    best: float | None = None
    bounded: bool = False


class Curve(NamedTuple):
    """A curve measured after training, such as accuracy against length.

    Attributes:
      x_label: the axis 0, 1, ..., N-1, with its unit.
      y_label: the measured quantity.
      terms: `(outputs, batch) -> (sums [N], counts [N])`; a count of 0 leaves a gap.
      memoryless: value of the best predictor without memory.
    """

    x_label: str
    y_label: str
    terms: Callable[[Any, Batch], Terms]
    memoryless: float


class Benchmark(NamedTuple):
    """A task, with its theory.

    Baseline, `memoryless` and references are values on the reported set: the test set
    where there is one, else the validation set.

    Attributes:
      train: training batches.
      validation: data for evaluations while training and for every choice, such as the
        best step.
      network: `recurrent layers -> network`.
      loss: `(outputs, batch) -> (sum, count)`.
      metrics: name -> metric.
      baseline: mean loss of the best predictor without memory.
      steps: T, the length of a training sequence [steps].
      test: data for the reported numbers; None where the sequences of `validation` are
        ever new, and used for no choice that could fit them.
      flow: sequences of gradient-flow curves, none of which is trained on; None draws
        from `train`, whose sequences are ever new.
      optimum: the least mean loss that can be had.
      references: other predictor -> its mean loss.
      unit: unit of the loss.
      vocabulary: the symbol of each input id; empty where inputs are not ids.
      curves: name -> curve, drawn after training.
      notes: facts about the data that a user should read.
    """

    train: Data
    validation: Data
    network: MakeNetwork
    loss: Loss
    metrics: Mapping[str, Metric]
    baseline: float
    steps: int
    test: Data | None = None
    flow: Data | None = None
    optimum: float = 0.0
    references: Mapping[str, float] = {}
    unit: str = "nats"
    vocabulary: tuple[str, ...] = ()
    curves: Mapping[str, Curve] = {}
    notes: tuple[str, ...] = ()

    @property
    def memoryless(self) -> dict[str, float]:
        """Metric -> value of the best predictor without memory, where known."""
        known = {name: metric.memoryless for name, metric in self.metrics.items()}
        return {name: value for name, value in known.items() if value is not None}


class Description(NamedTuple):
    """What `--list` says of a benchmark.

    Attributes:
      task: inputs and targets.
      chance: loss and metrics of the best predictor without memory.
      published: numbers of papers.
      time: duration of the default preset on two cores.
    """

    task: str
    chance: str
    published: str = "none"
    time: str = "unknown"


class BenchmarkSpec(NamedTuple):
    """A benchmark by name: a row of the registry, or a variable in a file of your own.

    Attributes:
      config: frozen dataclass; its fields become flags.
      build: `(config, data directory) -> Benchmark`.
      presets: name -> settings by flag name; one is called `default`.
      description: the text of `--list`.
    """

    config: Callable[..., Any]
    build: Callable[[Any, Path], Benchmark]
    presets: Mapping[str, Mapping[str, Value]]
    description: Description


def in_order(
    step: jax.Array | int, batch_size: int, size: int
) -> tuple[jax.Array, jax.Array]:
    """Batch `step` of a finite set: indices `[B]`, and weights `[B]`, 0 past the end."""
    indices = step * batch_size + jnp.arange(batch_size)
    return indices.clip(0, size - 1), (indices < size).astype(jnp.float32)


def generated(draw: Callable[[jax.Array, int], Batch]) -> Data:
    """Data made by a function `(key, batch_size) -> Batch`: ever new, without arrays."""

    def draw_at(arrays, key, step, batch_size):
        del arrays, step
        return draw(key, batch_size)

    return Data((), draw_at)


def without_files(
    build: Callable[[Any], Benchmark],
) -> Callable[[Any, Path], Benchmark]:
    """The `build` of a benchmark that reads no file."""

    def build_in(config, directory):
        del directory
        return build(config)

    return build_in
