# SPDX-License-Identifier: Apache-2.0
"""Delayed recall: the first symbol, asked for at the end, with distractors between.

    python -m experiments --benchmark=delayed_recall
    python -m experiments --benchmark=delayed_recall --delayed_recall.lag=10,30,100

One of S symbols, lag - 1 distractors drawn from others, and a marker, at which the target
is the first symbol. No other step has a target. The cheapest probe of a long dependency.

Chance: the symbols are equally likely, so the loss without memory is ln S and the accuracy
1 / S.

Paper: Hochreiter & Schmidhuber, "Long short-term memory", 1997, experiment 2.
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from experiments.benchmarks import base, terms
from experiments.config.errors import check_at_least
from experiments.config.options import Value
from experiments.networks.base import Batch
from experiments.networks.embed import one_hot
from experiments.networks.sequence import sequence_network


DESCRIPTION = base.Description(
    task="one of S symbols, lag - 1 distractors, a marker; the symbol at the marker",
    chance="ln S nats; accuracy 1/S",
    published="Hochreiter & Schmidhuber (1997) solve lag 100 with LSTM",
    time="1 min",
)


@dataclass(frozen=True)
class DelayedRecall:
    """Delayed recall.

    Attributes:
      lag: distance from the symbol to the marker that asks for it [steps].
      symbols: S, different symbols to remember [symbols].
      distractors: D, different symbols in between, which mean nothing [symbols].
    """

    lag: int = 50
    symbols: int = 4
    distractors: int = 4

    def __post_init__(self):
        check_at_least(1, lag=self.lag, distractors=self.distractors)
        check_at_least(2, symbols=self.symbols)


PRESETS: dict[str, dict[str, Value]] = {
    "default": {
        "model.keep_bias": 3.0,
        "train.learning_rate": 0.003,
        "train.steps": 600,
    },
}


def delayed_recall(config: DelayedRecall) -> base.Benchmark:
    """The task as a `Benchmark`; inputs are ids `[T, B]`, T = lag + 1."""
    steps = config.lag + 1
    size = config.symbols + config.distractors + 1

    def draw(key, batch_size):
        for_cue, for_rest = jax.random.split(key)
        cue = jax.random.randint(for_cue, (batch_size,), 0, config.symbols)
        shape = config.lag - 1, batch_size
        between = jax.random.randint(for_rest, shape, config.symbols, size - 1)
        marker = jnp.full((1, batch_size), size - 1)
        shown = jnp.concatenate([cue[None], between, marker])
        return Batch(shown, *terms.at_the_end(cue, steps))

    accuracy = base.Metric(terms.correct, 1 / config.symbols, best=1.0, bounded=True)
    return base.Benchmark(
        train=base.generated(draw),
        validation=base.generated(draw),
        network=sequence_network(one_hot(size), config.symbols),
        loss=terms.cross_entropy,
        metrics={"accuracy": accuracy},
        baseline=math.log(config.symbols),
        steps=steps,
        vocabulary=(
            *(f"cue {i + 1}" for i in range(config.symbols)),
            *(f"distractor {i + 1}" for i in range(config.distractors)),
            "marker",
        ),
    )


SPEC = base.BenchmarkSpec(
    DelayedRecall, base.without_files(delayed_recall), PRESETS, DESCRIPTION
)
