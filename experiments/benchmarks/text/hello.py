# SPDX-License-Identifier: Apache-2.0
"""Hello: the smallest language model, which learns to spell one word.

    python -m experiments --benchmark=hello
    python -m experiments.sample --run=RUN --prompt=h --length=4

Four letters, one-hot; h, e, l, l are read and e, l, l, o are due. The first l is followed
by an l and the second by an o, so that even here something must be remembered.

Chance: the letters are equally likely to a model that knows nothing, ln 4. One that sees
only the letter before is wrong about what follows an l, and loses ln 2 twice in four steps.

Paper: Karpathy, "The unreasonable effectiveness of recurrent neural networks", 2015.
"""

import math
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from experiments.benchmarks.base import Benchmark, accuracy, cross_entropy
from experiments.benchmarks.data.stream import one_hot_batch
from experiments.benchmarks.spec import About, Entry, drawn
from experiments.config.options import Value


WORD, LETTERS = "hello", ("h", "e", "l", "o")

ABOUT = About(
    protocol="h, e, l, l are read, e, l, l, o are due",
    chance="uniform ln 4 nats; one that sees the letter before, (ln 2) / 2",
    published="the example of Karpathy (2015)",
    takes="5 s",
)


@dataclass(frozen=True)
class Hello:
    """The word is the same for all: there is nothing to choose."""


PRESETS: dict[str, dict[str, Value]] = {
    "default": {
        "cells": "rnn",
        "model.hidden": 8,
        "seeds": 1,
        "train.batch": 1,
        "train.eval_batch": 1,
        "train.flow_batch": 1,
        "train.learning_rate": 0.02,
        "train.steps": 300,
    },
}


def hello(config: Hello) -> Benchmark:
    """The task as a `Benchmark`; inputs one-hot `[4, B, 4]`."""
    del config
    ids = np.array([LETTERS.index(letter) for letter in WORD])

    def batch(key, batch_size):
        del key
        return one_hot_batch(jnp.tile(ids[:, None], batch_size), len(LETTERS))

    return Benchmark(
        steps=len(WORD) - 1,
        input_size=len(LETTERS),
        output_size=len(LETTERS),
        batch=batch,
        loss=cross_entropy,
        metrics=lambda logits, batch: {"accuracy": accuracy(logits, batch)},
        baseline=math.log(2) / 2,
        chance={"accuracy": 3 / 4},
        symbols=LETTERS,
        references={"uniform": math.log(4)},
        spells=True,
    )


ENTRY = Entry(Hello, drawn(hello), PRESETS, ABOUT)
