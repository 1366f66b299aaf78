# SPDX-License-Identifier: Apache-2.0
"""Copy memory: repeat a pattern after a lag during which nothing happens.

    python -m experiments --benchmark=copy_memory
    python -m experiments --benchmark=copy_memory --preset=paper

A sequence of K + (lag - 1) + 1 + K steps: K symbols to remember, blanks, a marker, and K
blanks. The targets are the K symbols at the last K steps, and blank before. With
`random_lag`, each sequence has its own lag, from 1 to `lag`, and begins with blanks.

Chance: a predictor without memory knows when the pattern must be repeated and nothing of
the pattern, so its mean loss is K ln S / (lag + 2K) and its recall accuracy 1 / S, for S
symbols. With the ten symbols of the papers that is 10 ln 8 / (T + 20).

Paper: Hochreiter & Schmidhuber 1997; layout `arjovsky`: Arjovsky, Shah & Bengio,
"Unitary evolution recurrent neural networks", 2016; layout `locuslab`: Bai, Kolter &
Koltun, "An empirical evaluation of generic convolutional and recurrent networks for
sequence modeling", 2018, as their code has it; variable lags: Tallec & Ollivier, "Can
recurrent neural networks warp time?", 2018.
"""

import math
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp

from experiments.benchmarks import base, terms
from experiments.config.errors import check_at_least
from experiments.config.options import Value
from experiments.networks.base import Batch
from experiments.networks.embed import numbers, one_hot
from experiments.networks.sequence import sequence_network


DESCRIPTION = base.Description(
    task="K symbols, a lag of blanks, a marker, and the K symbols again",
    chance="K ln S / (lag + 2K) nats; recall 1/S",
    published="T = 1000 (Bai 2018): LSTM 0.0204, GRU 0.0197, RNN 0.0202; chance 0.0204",
    time="1 min",
)


@dataclass(frozen=True)
class CopyMemory:
    """The copy memory task.

    Attributes:
      lag: distance from the last symbol of the pattern to the marker [steps].
      pattern_length: K [symbols].
      symbols: S, different symbols in patterns [symbols].
      layout: `arjovsky` has one marker and S + 1 classes; `locuslab` repeats the marker
        to the end, reads each id as one number and has a class for the marker too.
      random_lag: draw the lag of each sequence from 1 to `lag`.
    """

    lag: int = 30
    pattern_length: int = 10
    symbols: int = 8
    layout: Literal["arjovsky", "locuslab"] = "arjovsky"
    random_lag: bool = False

    def __post_init__(self):
        check_at_least(1, lag=self.lag, pattern_length=self.pattern_length)
        # With one symbol there is nothing to remember.
        check_at_least(2, symbols=self.symbols)


PRESETS: dict[str, dict[str, Value]] = {
    # With gate biases of zero, an untrained LSTM or GRU forgets as fast as an RNN.
    "default": {
        "copy_memory.lag": 100,
        "copy_memory.pattern_length": 2,
        "model.hidden": 96,
        "model.keep_bias": 6.0,
        "train.batch": 16,
        "train.beta2": 0.99,
        "train.clip": 0.05,
        "train.eval_batch": 192,
        "train.flow_batch": 24,
        "train.learning_rate": 0.015,
        "train.schedule": "half_cosine",
        "train.steps": 1100,
    },
    # Bai et al., 16 thousand parameters, fresh batches instead of 10,000 sequences. Where a
    # paper gives a width for each cell, presets name the cells.
    "bai": {
        "copy_memory.lag": 1000,
        "gru.hidden": 67,
        "lstm.hidden": 57,
        "rnn.hidden": 115,
        "seeds": 1,
        "train.batch": 32,
        "train.beta2": 0.99,
        "train.eval_every": 100,
        "train.flow_batch": 8,
        "train.learning_rate": 0.0005,
        "train.log_every": 50,
        "train.steps": 2000,
    },
    # Bai et al.'s figure 5: about 10 thousand parameters, accuracy against lag. Their 50
    # epochs are 15,650 steps.
    "bai_lags": {
        "cells": "lstm,gru",
        "copy_memory.layout": "locuslab",
        "gru.hidden": 52,
        "lstm.hidden": 44,
        "rnn.hidden": 90,
        "seeds": 1,
        "train.batch": 32,
        "train.checkpoint_every": 7825,
        "train.decay": 0.99,
        "train.eval_every": 1565,
        "train.learning_rate": 0.0005,
        "train.log_every": 313,
        "train.optimizer": "rmsprop",
        "train.steps": 15650,
    },
    # Arjovsky et al. have no GRU; 46 units give it the parameters of their LSTM.
    "paper": {
        "copy_memory.lag": 100,
        "gru.hidden": 46,
        "lstm.hidden": 40,
        "model.input_init": "glorot",
        "model.recurrent_init": "glorot",
        "rnn.hidden": 80,
        "train.batch": 20,
        "train.checkpoint_every": 1000,
        "train.clip": 1.0,
        "train.clip_by": "value",
        "train.decay": 0.9,
        "train.eval_batch": 1000,
        "train.eval_every": 100,
        "train.learning_rate": 0.001,
        "train.optimizer": "rmsprop",
        "train.steps": 20000,
    },
}


def copy_memory(config: CopyMemory) -> base.Benchmark:
    """The task as a `Benchmark`; T = lag + 2K steps."""
    one_marker = config.layout == "arjovsky"
    length, tokens = config.pattern_length, config.symbols + 2
    steps = config.lag + 2 * length

    def draw(key, batch_size):
        pattern = jax.random.randint(key, (length, batch_size), 1, config.symbols + 1)
        shown, targets = layout(config, pattern)
        if config.random_lag:
            key = jax.random.fold_in(key, 1)
            waits = jax.random.randint(key, (batch_size,), 0, config.lag)
            shown = delayed(shown, length, waits)
        return Batch(shown if one_marker else shown[..., None], targets)

    def recalled(logits, batch):
        last = slice(-length, None)
        return terms.correct(logits[last], terms.at_steps(batch, last))

    vocabulary = ("blank", *map(str, range(1, config.symbols + 1)), "marker")
    network = sequence_network(numbers(1), tokens)
    if one_marker:
        network = sequence_network(one_hot(tokens), tokens - 1)
    chance = 1 / config.symbols
    return base.Benchmark(
        train=base.generated(draw),
        validation=base.generated(draw),
        network=network,
        loss=terms.cross_entropy,
        metrics={"recall_accuracy": base.Metric(recalled, chance, best=1.0, bounded=True)},
        baseline=length * math.log(config.symbols) / steps,
        steps=steps,
        vocabulary=vocabulary if one_marker else (),
    )


def layout(config: CopyMemory, pattern: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Inputs and targets `[T, B]` for patterns `[K, B]` of 1..S; 0 is blank, S + 1 marks."""
    length, batch_size = pattern.shape
    markers = 1 if config.layout == "arjovsky" else length + 1

    runs = (config.lag - 1, 0), (markers, config.symbols + 1), (length + 1 - markers, 0)
    rest = [jnp.full((count, batch_size), token) for count, token in runs]
    inputs = jnp.concatenate([pattern, *rest])
    return inputs, jnp.zeros_like(inputs).at[-length:].set(pattern)


def delayed(shown: jax.Array, length: int, waits: jax.Array) -> jax.Array:
    """Inputs `[T, B]` with their first `length` steps moved back by `waits [B]` blanks."""
    place = jnp.arange(len(shown))[:, None] - waits
    moved = jnp.take_along_axis(shown[:length], place.clip(0, length - 1), axis=0)
    inside = (place >= 0) & (place < length)
    return jnp.where(inside, moved, shown.at[:length].set(0))


SPEC = base.BenchmarkSpec(CopyMemory, base.without_files(copy_memory), PRESETS, DESCRIPTION)
