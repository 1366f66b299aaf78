# SPDX-License-Identifier: Apache-2.0
"""Temporal order: in which order two or three symbols came, long before the end.

    python -m experiments --benchmark=temporal_order
    python -m experiments --benchmark=temporal_order --temporal_order.cues=3

Among distractors c, d, e, f stand two or three cues, each A or B. With T steps the first is
in [0.1 T, 0.2 T), and the last of two in [0.5 T, 0.6 T); of three, the second is in
[0.3 T, 0.4 T) and the third in [0.6 T, 0.7 T). The target, at the last step, is which of
the 4 (8) orders it was.

Chance: orders are equally likely, so the loss without memory is ln 4 (ln 8) and the error
75% (87.5%).

Papers: Hochreiter & Schmidhuber, 1997, experiment 6; ranges and distractors: Pascanu,
Mikolov & Bengio, "On the difficulty of training recurrent neural networks", 2013.
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


RANGES = {2: ((1, 2), (5, 6)), 3: ((1, 2), (3, 4), (6, 7))}
"""Number of cues -> where each may be, in tenths of the sequence."""

SYMBOLS = ("A", "B", "c", "d", "e", "f")

DESCRIPTION = base.Description(
    task="two or three cues A or B among distractors; their order at the end",
    chance="ln 4 nats, 75% error (ln 8, 87.5%)",
    published="Pascanu (2013): SGD fails beyond 20 steps; with clipping and regulariser "
    "solved up to 200",
    time="1 min",
)


@dataclass(frozen=True)
class TemporalOrder:
    """Temporal order.

    Attributes:
      steps: T [steps].
      cues: symbols whose order matters, 2 or 3 [symbols].
    """

    steps: int = 50
    cues: int = 2

    def __post_init__(self):
        check_at_least(10, steps=self.steps)
        if self.cues not in RANGES:
            raise ValueError(f"cues must be 2 or 3, got {self.cues}")


PRESETS: dict[str, dict[str, Value]] = {
    "default": {
        "model.keep_bias": 3.0,
        "train.learning_rate": 0.003,
        "train.steps": 800,
    },
}


def temporal_order(config: TemporalOrder) -> base.Benchmark:
    """The task as a `Benchmark`; inputs are ids `[T, B]`."""
    orders = 2**config.cues

    def draw(key, batch_size):
        for_cues, for_places, for_rest = jax.random.split(key, 3)
        cues = jax.random.randint(for_cues, (config.cues, batch_size), 0, 2)
        places = _places(config, for_places, batch_size)
        shape = config.steps, batch_size
        shown = jax.random.randint(for_rest, shape, 2, len(SYMBOLS))
        shown = shown.at[places, jnp.arange(batch_size)].set(cues)
        order = (cues * 2 ** jnp.arange(config.cues)[::-1, None]).sum(0)
        return Batch(shown, *terms.at_the_end(order, config.steps))

    def wrong(logits, batch):
        return terms.weighted(logits.argmax(-1) != batch.targets, batch.weights)

    return base.Benchmark(
        train=base.generated(draw),
        validation=base.generated(draw),
        network=sequence_network(one_hot(len(SYMBOLS)), orders),
        loss=terms.cross_entropy,
        metrics={"error": base.Metric(wrong, 1 - 1 / orders, best=0.0, bounded=True)},
        baseline=math.log(orders),
        steps=config.steps,
        vocabulary=SYMBOLS,
    )


def _places(config: TemporalOrder, key: jax.Array, batch_size: int) -> jax.Array:
    """The step of each cue, `[cues, B]`."""
    tenths = jnp.array(RANGES[config.cues])
    low, high = (tenths * config.steps // 10).T
    keys = jax.random.split(key, config.cues)
    draw = lambda key, low, high: jax.random.randint(key, (batch_size,), low, high)
    return jax.vmap(draw)(keys, low, high)


SPEC = base.BenchmarkSpec(
    TemporalOrder, base.without_files(temporal_order), PRESETS, DESCRIPTION
)
