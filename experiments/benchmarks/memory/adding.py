# SPDX-License-Identifier: Apache-2.0
"""Adding: the sum of the two marked numbers among many.

    python -m experiments --benchmark=adding
    python -m experiments --benchmark=adding --preset=bai

At each step a number from U[0, 1) and a mark, 0 or 1; two steps are marked. The target at
the last step is the sum of the two marked numbers. `any` marks two different steps
anywhere, `halves` one step in each half.

Chance: without memory the best guess is 1, whose mean squared error is the variance of
the sum, 1/6.

Papers: Hochreiter & Schmidhuber, "Long short-term memory", 1997; `halves`: Arjovsky, Shah
& Bengio, 2016, and Le, Jaitly & Hinton, 2015; `any`: Bai, Kolter & Koltun, 2018.
"""

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp

from experiments.benchmarks import base, terms
from experiments.config.errors import check_at_least
from experiments.config.options import Value
from experiments.networks.base import Batch
from experiments.networks.embed import numbers
from experiments.networks.sequence import sequence_network


DESCRIPTION = base.Description(
    task="T numbers in [0, 1), two of them marked; their sum at the end",
    chance="mean squared error 1/6",
    published="T = 600, 70K parameters (Bai 2018): LSTM 0.164, GRU 5.3e-5, RNN 0.177",
    time="2 min",
)

TOLERANCE = 0.04
"""An answer closer than this to the sum counts as correct."""


@dataclass(frozen=True)
class Adding:
    """The adding problem.

    Attributes:
      steps: T, numbers in a sequence [steps].
      marks: where the two marks may be; `any` two steps, or one in each of the `halves`.
    """

    steps: int = 100
    marks: Literal["any", "halves"] = "any"

    def __post_init__(self):
        check_at_least(2, steps=self.steps)


PRESETS: dict[str, dict[str, Value]] = {
    "default": {
        "model.keep_bias": 3.0,
        "train.batch": 32,
        "train.learning_rate": 0.005,
        "train.schedule": "half_cosine",
        "train.steps": 2000,
    },
    # 70 thousand parameters. A width for each cell, as in the table of the paper.
    "bai": {
        "adding.steps": 600,
        "gru.hidden": 150,
        "lstm.hidden": 130,
        "rnn.hidden": 258,
        "seeds": 1,
        "train.batch": 32,
        "train.checkpoint_every": 500,
        "train.clip": 5.0,
        "train.eval_batch": 1000,
        "train.eval_every": 100,
        "train.flow_batch": 8,
        "train.learning_rate": 0.002,
        "train.schedule": "half_cosine",
        "train.steps": 3000,
    },
}


def adding(config: Adding) -> base.Benchmark:
    """The task as a `Benchmark`; inputs `[T, B, 2]`, number and mark."""

    def draw(key, batch_size):
        for_numbers, for_marks = jax.random.split(key)
        shown = jax.random.uniform(for_numbers, (config.steps, batch_size))
        places = _places(config, for_marks, batch_size)
        marks = (jnp.arange(config.steps)[:, None] == places[:, None]).any(0)
        inputs = jnp.stack([shown, marks.astype(shown.dtype)], axis=-1)
        return Batch(inputs, *terms.at_the_end((shown * marks).sum(0), config.steps))

    def close(outputs, batch):
        distance = jnp.abs(outputs[..., 0] - batch.targets)
        return terms.weighted(distance < TOLERANCE, batch.weights)

    # |u1 + u2 - 1| < d has probability 2 d - d^2.
    guessed = 2 * TOLERANCE - TOLERANCE**2
    return base.Benchmark(
        train=base.generated(draw),
        validation=base.generated(draw),
        network=sequence_network(numbers(2), 1),
        loss=terms.squared_error,
        metrics={"accuracy": base.Metric(close, guessed, best=1.0, bounded=True)},
        baseline=1 / 6,
        steps=config.steps,
        unit="squared error",
    )


def _places(config: Adding, key: jax.Array, batch_size: int) -> jax.Array:
    """Two different steps for each sequence, `[2, B]`."""
    keys, half = jax.random.split(key), config.steps // 2

    def uniform(key, low, high):
        return jax.random.randint(key, (batch_size,), low, high)

    if config.marks == "halves":
        return jnp.stack([uniform(keys[0], 0, half), uniform(keys[1], half, config.steps)])
    first = uniform(keys[0], 0, config.steps)
    # The second counts on from the first, around the end.
    second = (first + uniform(keys[1], 1, config.steps)) % config.steps
    return jnp.stack([first, second])


SPEC = base.BenchmarkSpec(Adding, base.without_files(adding), PRESETS, DESCRIPTION)
