# SPDX-License-Identifier: Apache-2.0
"""Copy memory: repeat a pattern after a lag during which nothing happens.

    python -m experiments --benchmark=copy_memory
    python -m experiments --benchmark=copy_memory --preset=paper --copy_memory.lag=100

A sequence of K + (lag - 1) + 1 + K steps: K symbols to remember, blanks, a marker that
asks for them, and K blanks during which they are to be given out. Everywhere else the
target is blank. With `variable`, each sequence has a lag of its own, from 1 to `lag`, and
begins with the blanks that are left over.

Chance: a predictor without memory knows where the pattern is due and nothing of what
it was, so its mean loss is K ln S / (lag + 2K) and its recall accuracy 1 / S, for S
symbols. With the ten symbols of the papers that is 10 ln 8 / (T + 20).

Time and numbers to expect are in BUILD.md, "Figures".

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

from experiments.benchmarks.base import Batch, Benchmark, cross_entropy
from experiments.benchmarks.spec import About, Entry, drawn
from experiments.config.errors import check_at_least
from experiments.config.options import Value


ABOUT = About(
    protocol="K symbols, a lag of blanks, a marker, and the K symbols again",
    chance="K ln S / (lag + 2K) nats; recall 1/S",
    published="T = 1000, 16K parameters (Bai 2018): LSTM 0.0204, GRU 0.0197, RNN 0.0202; "
    "chance 0.0204",
    takes="1 min",
)


@dataclass(frozen=True)
class CopyMemory:
    """The copy memory task.

    Attributes:
      lag: from the last symbol of the pattern to the marker [steps].
      pattern: K, the symbols to remember [symbols].
      symbols: S, the different symbols a pattern is made of.
      layout: `arjovsky` has one marker, one-hot inputs and S + 1 classes; `locuslab`
        repeats the marker to the end, shows the input as one number and has a class
        for the marker too.
      variable: draw the lag of each sequence from 1 to `lag`.
    """

    lag: int = 30
    pattern: int = 10
    symbols: int = 8
    layout: Literal["arjovsky", "locuslab"] = "arjovsky"
    variable: bool = False

    def __post_init__(self):
        check_at_least(1, lag=self.lag, pattern=self.pattern)
        # One symbol is no pattern: there would be nothing to remember.
        check_at_least(2, symbols=self.symbols)


PRESETS: dict[str, dict[str, Value]] = {
    # Gate biases that keep by default are what lets the gates show their worth at the
    # start: with biases of zero an untrained LSTM or GRU forgets as fast as an RNN.
    "default": {
        "copy_memory.lag": 100,
        "copy_memory.pattern": 2,
        "gru.update_bias": -3.0,
        "lstm.forget_bias": 6.0,
        "model.hidden": 96,
        "train.batch": 16,
        "train.clip": 0.05,
        "train.decay": 0.99,
        "train.eval_batch": 192,
        "train.flow_batch": 24,
        "train.learning_rate": 0.02,
        "train.schedule": "half_cosine",
        "train.steps": 1100,
    },
    # Bai et al., 16 thousand parameters, fresh batches instead of 10,000 sequences.
    "bai": {
        "copy_memory.lag": 1000,
        "gru.hidden": 67,
        "lstm.forget_bias": 1.0,
        "lstm.hidden": 57,
        "rnn.hidden": 115,
        "seeds": 1,
        "train.batch": 32,
        "train.decay": 0.99,
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
        "lstm.forget_bias": 1.0,
        "lstm.hidden": 44,
        "rnn.hidden": 90,
        "seeds": 1,
        "train.batch": 32,
        "train.decay": 0.99,
        "train.checkpoint_every": 7825,
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
        "gru.input_init": "glorot",
        "gru.recurrent_init": "glorot",
        "lstm.forget_bias": 1.0,
        "lstm.hidden": 40,
        "lstm.input_init": "glorot",
        "lstm.recurrent_init": "glorot",
        "rnn.hidden": 80,
        "rnn.input_init": "glorot",
        "rnn.recurrent_init": "glorot",
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


def copy_memory(config: CopyMemory) -> Benchmark:
    """The task as a `Benchmark`; inputs `[T, B, I]`, T = lag + 2 pattern."""
    one_marker = config.layout == "arjovsky"
    tokens = config.symbols + 2
    steps = config.lag + 2 * config.pattern

    symbols = ("blank", *(str(i + 1) for i in range(config.symbols)), "marker")

    def batch(key, batch_size):
        pattern = jax.random.randint(
            key, (config.pattern, batch_size), 1, config.symbols + 1
        )
        shown, due = layout(config, pattern)
        if config.variable:
            waits = jax.random.randint(
                jax.random.fold_in(key, 1), (batch_size,), 0, config.lag
            )
            shown = delayed(shown, config.pattern, waits)
        numbers = shown[..., None].astype(jnp.float32)
        return Batch(jax.nn.one_hot(shown, tokens) if one_marker else numbers, due)

    def metrics(logits, batch):
        due = batch.targets[-config.pattern :]
        recalled = logits[-config.pattern :].argmax(-1) == due
        return {"recall_accuracy": recalled.mean(dtype=jnp.float32)}

    return Benchmark(
        steps=steps,
        input_size=tokens if one_marker else 1,
        output_size=config.symbols + 1 if one_marker else tokens,
        batch=batch,
        loss=cross_entropy,
        metrics=metrics,
        baseline=config.pattern * math.log(config.symbols) / steps,
        chance={"recall_accuracy": 1 / config.symbols},
        symbols=symbols if one_marker else (),
    )


def layout(config: CopyMemory, pattern: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Lay a pattern `[K, B]` of symbols 1..S out in time.

    Returns:
      `(shown, due)`: token ids `[T, B]` of the input, blank 0 and marker S + 1 among
      them, and the classes `[T, B]` to predict.
    """
    count, batch_size = pattern.shape
    markers = 1 if config.layout == "arjovsky" else count + 1

    def fill(length, token):
        return jnp.full((length, batch_size), token, pattern.dtype)

    shown = [
        pattern,
        fill(config.lag - 1, 0),
        fill(markers, config.symbols + 1),
        fill(count + 1 - markers, 0),
    ]
    due = [fill(config.lag + count, 0), pattern]
    return jnp.concatenate(shown), jnp.concatenate(due)


def delayed(shown: jax.Array, length: int, waits: jax.Array) -> jax.Array:
    """`shown [T, B]` with its first `length` steps moved back by `waits [B]` blanks."""
    place = jnp.arange(len(shown))[:, None] - waits
    moved = jnp.take_along_axis(shown[:length], place.clip(0, length - 1), axis=0)
    here = (place >= 0) & (place < length)
    rest = shown.at[:length].set(0)
    return jnp.where(here, moved, rest)


ENTRY = Entry(CopyMemory, drawn(copy_memory), PRESETS, ABOUT)
