# SPDX-License-Identifier: Apache-2.0
"""Parity: whether the bits so far hold an odd number of ones.

    python -m experiments --benchmark=parity
    python -m experiments --benchmark=parity --parity.length=20 --parity.eval_length=100

At each step the input is a fair bit and the target the parity of all bits so far, so that
every prefix is an example. Training sequences have `length` steps and validation sequences
`eval_length`, so that evaluations tell whether a rule was learned or a length.

Chance: a predictor without memory sees one bit of the sum, which says nothing about the
parity once another bit has gone before: ln 2, and accuracy 1/2. This leaves out the first
step, at which the bit decides; it is worth about 1 / (2 T^2) nats a step.

Papers: Hochreiter & Schmidhuber, "Long short-term memory", 1997; Deletang et al., "Neural
networks and the Chomsky hierarchy", 2023 (arXiv:2207.02098).
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
    task="fair bits; the parity of all so far at every step; evaluated on longer ones",
    chance="ln 2 nats; accuracy 1/2",
    published="trained to 40 steps, tested on 41 to 500 (Deletang 2023): RNN 100, LSTM 100",
    time="1 min",
)


@dataclass(frozen=True)
class Parity:
    """Parity of every prefix.

    Attributes:
      length: length of the training sequences [steps].
      eval_length: length of the validation sequences, `length` or more [steps].
    """

    length: int = 40
    eval_length: int = 500

    def __post_init__(self):
        # One step needs no memory.
        check_at_least(2, length=self.length)
        check_at_least(self.length, eval_length=self.eval_length)


PRESETS: dict[str, dict[str, Value]] = {
    "default": {
        "model.hidden": 32,
        "train.batch": 64,
        "train.learning_rate": 0.005,
        "train.schedule": "half_cosine",
        "train.steps": 1500,
    },
}


def parity(config: Parity) -> base.Benchmark:
    """The task as a `Benchmark`; inputs are bits `[T, B]`."""

    def bits(steps):
        def draw(key, batch_size):
            shown = jax.random.bernoulli(key, 0.5, (steps, batch_size)).astype(jnp.int32)
            return Batch(shown, shown.cumsum(0) % 2)

        return base.generated(draw)

    def accuracy(steps):
        def of_part(logits, batch):
            return terms.correct(logits[steps], terms.at_steps(batch, steps))

        return base.Metric(of_part, memoryless=0.5, best=1.0, bounded=True)

    def curve(logits, batch):
        return terms.by_length(logits.argmax(-1) == batch.targets, batch.weights)

    longer = config.eval_length > config.length
    return base.Benchmark(
        train=bits(config.length),
        validation=bits(config.eval_length),
        network=sequence_network(one_hot(2), 2),
        loss=terms.cross_entropy,
        metrics={
            "accuracy": accuracy(slice(config.length if longer else 0, None)),
            "trained_accuracy": accuracy(slice(config.length)),
        },
        baseline=math.log(2),
        steps=config.length,
        vocabulary=("0", "1"),
        curves={"length": base.Curve("length (steps)", "accuracy", curve, 0.5)},
    )


SPEC = base.BenchmarkSpec(Parity, base.without_files(parity), PRESETS, DESCRIPTION)
