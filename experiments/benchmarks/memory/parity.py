# SPDX-License-Identifier: Apache-2.0
"""Parity: whether the bits so far hold an odd number of ones.

    python -m experiments --benchmark=parity
    python -m experiments --benchmark=parity --parity.length=20 --parity.tested=100

At each step a fair bit is read and the parity of the prefix that it ends is due, so every
prefix is an example. Training sequences have `length` steps; held-out ones have `tested`,
so that evaluations say whether a rule was learned or a length.

Chance: a predictor without memory sees one bit of the sum, which says nothing about the
whole once another bit has gone before: ln 2, and accuracy 1/2. That at the first step the
bit decides is left out; it is worth about 1 / (2 T^2) nats a step over T steps.

Papers: Hochreiter & Schmidhuber, "Long short-term memory", 1997; Deletang et al., "Neural
networks and the Chomsky hierarchy", 2023 (arXiv:2207.02098).
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from experiments.benchmarks.base import Batch, Benchmark, Profile, cross_entropy
from experiments.benchmarks.spec import About, Entry, drawn
from experiments.config.errors import check_at_least
from experiments.config.options import Value


ABOUT = About(
    protocol="fair bits; at every step the parity of those so far; tested on longer ones",
    chance="ln 2 nats; accuracy 1/2",
    published="trained to 40 steps, tested on 41 to 500 (Deletang 2023): RNN 100, LSTM 100",
    takes="1 min",
)


@dataclass(frozen=True)
class Parity:
    """Parity of every prefix.

    Attributes:
      length: of the sequences to train on [steps].
      tested: length of the held-out sequences, `length` or more [steps].
    """

    length: int = 40
    tested: int = 500

    def __post_init__(self):
        # Over one step there is nothing to remember.
        check_at_least(2, length=self.length)
        check_at_least(self.length, tested=self.tested)


PRESETS: dict[str, dict[str, Value]] = {
    "default": {
        "model.hidden": 32,
        "train.batch": 64,
        "train.learning_rate": 0.005,
        "train.schedule": "half_cosine",
        "train.steps": 1500,
    },
}


def parity(config: Parity) -> Benchmark:
    """The task as a `Benchmark`; inputs `[T, B, 2]`, one-hot bits."""

    def of_length(steps):
        def draw(key, batch_size):
            bits = jax.random.bernoulli(key, 0.5, (steps, batch_size)).astype(jnp.int32)
            return Batch(jax.nn.one_hot(bits, 2), bits.cumsum(0) % 2)

        return draw

    def metrics(logits, batch):
        right = logits.argmax(-1) == batch.targets
        beyond = config.length if len(right) > config.length else 0
        return {
            "accuracy": right[beyond:].mean(dtype=jnp.float32),
            "trained_accuracy": right[: config.length].mean(dtype=jnp.float32),
        }

    return Benchmark(
        steps=config.length,
        input_size=2,
        output_size=2,
        batch=of_length(config.length),
        loss=cross_entropy,
        metrics=metrics,
        baseline=math.log(2),
        chance={"accuracy": 0.5, "trained_accuracy": 0.5},
        symbols=("0", "1"),
        held_out=of_length(config.tested),
        profile=Profile("length (steps)", "accuracy", _by_length, chance=0.5),
    )


def _by_length(logits: jax.Array, batch: Batch) -> jax.Array:
    """Accuracy after 1, 2, ..., T steps, `[T + 1]`; after none there is none."""
    right = (logits.argmax(-1) == batch.targets).mean(1, dtype=jnp.float32)
    return jnp.concatenate([jnp.full(1, jnp.nan), right])


ENTRY = Entry(Parity, drawn(parity), PRESETS, ABOUT)
