# SPDX-License-Identifier: Apache-2.0
"""Temporal order: which symbols came, and in which order, long before the end.

    python -m experiments --benchmark=temporal_order
    python -m experiments --benchmark=temporal_order --temporal_order.cues=3

Among distractors c, d, e, f stand two or three cues, each A or B. With T steps the first is
in [0.1 T, 0.2 T), and the last of two in [0.5 T, 0.6 T); of three, the second is in
[0.3 T, 0.4 T) and the third in [0.6 T, 0.7 T). Which of the 4 (8) orders it was is due at
the last step.

Chance: orders are equally likely, so the loss without memory is ln 4 (ln 8) and the error
75% (87.5%).

Time and numbers to expect are in the README, "What papers say".

Papers: Hochreiter & Schmidhuber, 1997, experiment 6; ranges and distractors: Pascanu,
Mikolov & Bengio, "On the difficulty of training recurrent neural networks", 2013.
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from experiments.benchmarks.base import Batch, Benchmark, cross_entropy, only_last
from experiments.benchmarks.spec import About, Entry, drawn
from experiments.config.errors import check_at_least
from experiments.config.options import Value


RANGES = {2: ((1, 2), (5, 6)), 3: ((1, 2), (3, 4), (6, 7))}
"""How many cues -> where each may be, in tenths of the sequence."""

SYMBOLS = ("A", "B", "c", "d", "e", "f")

ABOUT = About(
    protocol="two or three cues A or B among distractors; their order at the end",
    chance="ln 4 nats, 75% error (ln 8, 87.5%)",
    published="Pascanu (2013): SGD fails beyond 20 steps; with clipping and regulariser "
    "solved up to 200",
    takes="1 min",
)


@dataclass(frozen=True)
class TemporalOrder:
    """Temporal order.

    Attributes:
      steps: T [steps].
      cues: how many symbols there are whose order matters, 2 or 3 [symbols].
    """

    steps: int = 50
    cues: int = 2

    def __post_init__(self):
        check_at_least(10, steps=self.steps)
        if self.cues not in RANGES:
            raise ValueError(f"cues must be 2 or 3, got {self.cues}")


PRESETS: dict[str, dict[str, Value]] = {
    "default": {
        "gru.update_bias": -2.0,
        "lstm.forget_bias": 3.0,
        "train.learning_rate": 0.003,
        "train.steps": 800,
    },
}


def temporal_order(config: TemporalOrder) -> Benchmark:
    """The task as a `Benchmark`; inputs one-hot `[T, B, 6]`."""
    orders = 2**config.cues

    def batch(key, batch_size):
        for_cues, for_places, for_rest = jax.random.split(key, 3)
        cues = jax.random.randint(for_cues, (config.cues, batch_size), 0, 2)
        places = _places(config, for_places, batch_size)
        shape = config.steps, batch_size
        shown = jax.random.randint(for_rest, shape, 2, len(SYMBOLS))
        shown = shown.at[places, jnp.arange(batch_size)].set(cues)
        order = (cues * 2 ** jnp.arange(config.cues)[::-1, None]).sum(0)
        inputs = jax.nn.one_hot(shown, len(SYMBOLS))
        return Batch(inputs, *only_last(order, config.steps))

    def metrics(logits, batch):
        return {"error": (logits[-1].argmax(-1) != batch.targets[-1]).mean()}

    return Benchmark(
        steps=config.steps,
        input_size=len(SYMBOLS),
        output_size=orders,
        batch=batch,
        loss=cross_entropy,
        metrics=metrics,
        baseline=math.log(orders),
        chance={"error": 1 - 1 / orders},
        symbols=SYMBOLS,
    )


def _places(config: TemporalOrder, key: jax.Array, batch_size: int) -> jax.Array:
    """Where the cues are, `[cues, B]`."""
    tenths = jnp.array(RANGES[config.cues])
    low, high = (tenths * config.steps // 10).T
    keys = jax.random.split(key, config.cues)
    draw = lambda key, low, high: jax.random.randint(key, (batch_size,), low, high)
    return jax.vmap(draw)(keys, low, high)


ENTRY = Entry(TemporalOrder, drawn(temporal_order), PRESETS, ABOUT)
