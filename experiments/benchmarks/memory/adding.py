# SPDX-License-Identifier: Apache-2.0
"""Adding: the sum of the two numbers, of many, that are marked.

    python -m experiments --benchmark=adding
    python -m experiments --benchmark=adding --preset=bai

At each step a number from U[0, 1) and a mark, 0 or 1; two steps are marked. At the last
step the sum of the two marked numbers is due. `any` marks two different steps anywhere,
`halves` one step in each half.

Chance: without memory the best guess is 1, whose mean squared error is the variance of
the sum, 1/6.

Time and numbers to expect are in the README, "What papers say".

Papers: Hochreiter & Schmidhuber, "Long short-term memory", 1997; `halves`: Arjovsky, Shah
& Bengio, 2016, and Le, Jaitly & Hinton, 2015; `any`: Bai, Kolter & Koltun, 2018.
"""

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp

from experiments.benchmarks.base import Batch, Benchmark, only_last, squared_error
from experiments.benchmarks.spec import About, Entry, drawn
from experiments.config.errors import check_at_least
from experiments.config.options import Value


ABOUT = About(
    protocol="T numbers in [0, 1), two of them marked; their sum at the end",
    chance="mean squared error 1/6",
    published="T = 600, 70K parameters (Bai 2018): LSTM 0.164, GRU 5.3e-5, RNN 0.177",
    takes="2 min",
)


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
        "gru.update_bias": -2.0,
        "lstm.forget_bias": 3.0,
        "train.batch": 32,
        "train.learning_rate": 0.005,
        "train.schedule": "half_cosine",
        "train.steps": 2000,
    },
    # Sizes of 70 thousand parameters; theirs for the LSTM are in the paper's table 3.
    "bai": {
        "adding.steps": 600,
        "gru.hidden": 150,
        "lstm.forget_bias": 1.0,
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


def adding(config: Adding) -> Benchmark:
    """The task as a `Benchmark`; inputs `[T, B, 2]`, number and mark."""
    steps = config.steps

    def batch(key, batch_size):
        for_numbers, for_marks = jax.random.split(key)
        numbers = jax.random.uniform(for_numbers, (steps, batch_size))
        places = _places(config, for_marks, batch_size)
        marks = (jnp.arange(steps)[:, None] == places[:, None]).any(0)
        sums = (numbers * marks).sum(0)
        inputs = jnp.stack([numbers, marks.astype(numbers.dtype)], axis=-1)
        return Batch(inputs, *only_last(sums, steps))

    def metrics(outputs, batch):
        wrong = jnp.abs(outputs[-1, :, 0] - batch.targets[-1])
        return {"accuracy": (wrong < 0.04).mean()}

    return Benchmark(
        steps=steps,
        input_size=2,
        output_size=1,
        batch=batch,
        loss=squared_error,
        metrics=metrics,
        baseline=1 / 6,
        # |u1 + u2 - 1| < d has probability 2 d - d^2.
        chance={"accuracy": 2 * 0.04 - 0.04**2},
        unit="squared error",
    )


def _places(config: Adding, key: jax.Array, batch_size: int) -> jax.Array:
    """Two different steps for each sequence, `[2, B]`."""
    first, second = jax.random.split(key)
    half = config.steps // 2
    ranges = {
        "any": (config.steps, 1, config.steps),
        "halves": (half, half, config.steps),
    }
    end, low, high = ranges[config.marks]
    one = jax.random.randint(first, (batch_size,), 0, end)
    other = jax.random.randint(second, (batch_size,), low, high)
    # Under `any` the second counts on from the first, around the end.
    return jnp.stack([one, (one + other) % config.steps if config.marks == "any" else other])


ENTRY = Entry(Adding, drawn(adding), PRESETS, ABOUT)
