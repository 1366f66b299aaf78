# SPDX-License-Identifier: Apache-2.0
"""Hello: the smallest language model, which learns to spell one word.

    python -m experiments --benchmark=hello
    python -m experiments.sample --run=RUN --prompt=h --length=4

The inputs are h, e, l, l and the targets e, l, l, o. The first l is followed by an l and
the second by an o, so that even this word needs memory.

Chance: the letters are equally likely to a model that knows nothing, ln 4. One that sees
only the current letter cannot tell what follows an l, and loses ln 2 twice in four steps.

Paper: Karpathy, "The unreasonable effectiveness of recurrent neural networks", 2015.
"""

import math
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from experiments.benchmarks import base, terms
from experiments.benchmarks.data.stream import next_symbol
from experiments.config.options import Value
from experiments.networks.embed import one_hot
from experiments.networks.sequence import sequence_network


WORD, LETTERS = "hello", ("h", "e", "l", "o")

DESCRIPTION = base.Description(
    task="h, e, l, l are read, e, l, l, o follow",
    chance="uniform ln 4 nats; one that sees the current letter, (ln 2) / 2",
    published="the example of Karpathy (2015)",
    time="5 s",
)


@dataclass(frozen=True)
class Hello:
    """No options: the word is always the same."""


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


def hello(config: Hello) -> base.Benchmark:
    """The task as a `Benchmark`; inputs are ids `[4, B]`."""
    del config
    ids = np.array([LETTERS.index(letter) for letter in WORD])

    def draw(key, batch_size):
        del key
        return next_symbol(jnp.tile(ids[:, None], batch_size))

    return base.Benchmark(
        train=base.generated(draw),
        validation=base.generated(draw),
        network=sequence_network(one_hot(len(LETTERS)), len(LETTERS), generates=True),
        loss=terms.cross_entropy,
        metrics={"accuracy": base.Metric(terms.correct, 3 / 4, best=1.0, bounded=True)},
        baseline=math.log(2) / 2,
        steps=len(WORD) - 1,
        references={"uniform": math.log(4)},
        vocabulary=LETTERS,
    )


SPEC = base.BenchmarkSpec(Hello, base.without_files(hello), PRESETS, DESCRIPTION)
