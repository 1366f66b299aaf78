# SPDX-License-Identifier: Apache-2.0
"""Delayed recall: the first symbol, asked for at the end, with distractors between.

    python -m experiments --benchmark=delayed_recall
    python -m experiments --benchmark=delayed_recall --delayed_recall.lag=10,30,100

One of S symbols, lag - 1 distractors drawn from others, and a marker; at the marker the
first symbol is due, and nothing before. The cheapest probe of a long dependency.

Chance: the symbols are equally likely, so the loss without memory is ln S and the accuracy
1 / S.

Time and numbers to expect are in the README, "What papers say".

Paper: Hochreiter & Schmidhuber, "Long short-term memory", 1997, experiment 2.
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from experiments.benchmarks.base import Batch, Benchmark, cross_entropy, only_last
from experiments.benchmarks.spec import About, Entry, drawn
from experiments.config.errors import check_at_least
from experiments.config.options import Value


ABOUT = About(
    protocol="one of S symbols, lag - 1 distractors, a marker; the symbol at the marker",
    chance="ln S nats; accuracy 1/S",
    published="Hochreiter & Schmidhuber (1997) solve lag 100 with LSTM",
    takes="1 min",
)


@dataclass(frozen=True)
class DelayedRecall:
    """Delayed recall.

    Attributes:
      lag: from the symbol to the marker that asks for it [steps].
      symbols: S, what there is to remember [symbols].
      distractors: the different symbols between, which mean nothing [symbols].
    """

    lag: int = 50
    symbols: int = 4
    distractors: int = 4

    def __post_init__(self):
        check_at_least(1, lag=self.lag, distractors=self.distractors)
        check_at_least(2, symbols=self.symbols)


PRESETS: dict[str, dict[str, Value]] = {
    "default": {
        "gru.update_bias": -3.0,
        "lstm.forget_bias": 3.0,
        "train.learning_rate": 0.003,
        "train.steps": 600,
    },
}


def delayed_recall(config: DelayedRecall) -> Benchmark:
    """The task as a `Benchmark`; inputs one-hot `[T, B, S + D + 1]`, T = lag + 1."""
    steps = config.lag + 1
    size = config.symbols + config.distractors + 1

    def batch(key, batch_size):
        for_cue, for_rest = jax.random.split(key)
        cue = jax.random.randint(for_cue, (batch_size,), 0, config.symbols)
        shape = config.lag - 1, batch_size
        between = jax.random.randint(for_rest, shape, config.symbols, size - 1)
        marker = jnp.full((1, batch_size), size - 1)
        shown = jnp.concatenate([cue[None], between, marker])
        return Batch(jax.nn.one_hot(shown, size), *only_last(cue, steps))

    def metrics(logits, batch):
        return {"accuracy": (logits[-1].argmax(-1) == batch.targets[-1]).mean()}

    return Benchmark(
        steps=steps,
        input_size=size,
        output_size=config.symbols,
        batch=batch,
        loss=cross_entropy,
        metrics=metrics,
        baseline=math.log(config.symbols),
        chance={"accuracy": 1 / config.symbols},
        symbols=(
            *(f"cue {i + 1}" for i in range(config.symbols)),
            *(f"distractor {i + 1}" for i in range(config.distractors)),
            "marker",
        ),
    )


ENTRY = Entry(DelayedRecall, drawn(delayed_recall), PRESETS, ABOUT)
