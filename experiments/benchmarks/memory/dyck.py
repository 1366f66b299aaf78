# SPDX-License-Identifier: Apache-2.0
"""Dyck: which bracket comes next, of several kinds nested to a bounded depth.

    python -m experiments --benchmark=dyck
    python -m experiments --benchmark=dyck --dyck.kinds=4 --dyck.depth=8

Brackets open with probability 1/2, always where none is open and never at the depth
bound; their kinds are uniform. Otherwise the innermost one closes. The target at each
step is the next bracket. Whether it closes is chance; which kind closes is on the stack.

Chance: a predictor without memory knows the innermost bracket right after it was opened
and nothing of the stack after one was closed. Its loss, and the least loss that a
stack makes possible, are computed from the distribution of the depth at every step.

Papers: Chomsky & Schuetzenberger, "The algebraic theory of context-free languages", 1963;
Suzgun et al., "LSTM networks can perform dynamic counting", 2019; of bounded depth: Hewitt
et al., "RNNs can generate bounded hierarchical languages with optimal memory", 2020;
tests on longer sequences: Deletang et al., "Neural networks and the Chomsky hierarchy",
2023 (arXiv:2207.02098).
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks import base, terms
from experiments.config.errors import check_at_least
from experiments.config.options import Value
from experiments.networks.base import Batch
from experiments.networks.embed import one_hot
from experiments.networks.sequence import sequence_network


DESCRIPTION = base.Description(
    task="brackets of k kinds, nested to a bounded depth; the next bracket; evaluated "
    "on longer sequences",
    chance="loss of the bigram, exact, by dynamic programming",
    published="none for this mixture of lengths",
    time="1 min",
)


@dataclass(frozen=True)
class Dyck:
    """A bracket language of bounded depth.

    Attributes:
      kinds: k, different pairs of brackets.
      depth: most brackets open at a time [brackets].
      length: length of the training sequences [steps].
      eval_length: length of the validation sequences, `length` or more [steps].
    """

    kinds: int = 2
    depth: int = 5
    length: int = 40
    eval_length: int = 500

    def __post_init__(self):
        # With one kind, or one level, the bracket that closes needs no memory.
        check_at_least(2, kinds=self.kinds, depth=self.depth, length=self.length)
        check_at_least(self.length, eval_length=self.eval_length)


PRESETS: dict[str, dict[str, Value]] = {
    "default": {
        "train.batch": 64,
        "train.learning_rate": 0.01,
        "train.schedule": "half_cosine",
        "train.steps": 1500,
    },
}


class Theory(NamedTuple):
    """Means over the steps of a sequence.

    Attributes:
      optimum: loss of the best predictor that knows the stack, nats.
      baseline: loss of the best predictor that sees the current bracket alone, nats.
      chance: closing accuracy of that predictor.
    """

    optimum: float
    baseline: float
    chance: float


def dyck(config: Dyck) -> base.Benchmark:
    """The task as a `Benchmark`; inputs are ids `[T, B]`, k openings and k closings."""
    kinds = config.kinds

    def brackets(steps):
        def draw(key, batch_size):
            ids = sequences(config, key, steps + 1, batch_size)
            return Batch(ids[:-1], ids[1:])

        return base.generated(draw)

    accuracy = lambda *given: terms.weighted(*_closings(kinds, *given))
    curve = lambda *given: terms.by_length(*_closings(kinds, *given))
    theory = theory_of(config, config.eval_length)
    chance = theory.chance
    closing = base.Curve("length (steps)", "closing accuracy", curve, chance)
    return base.Benchmark(
        train=brackets(config.length),
        validation=brackets(config.eval_length),
        network=sequence_network(one_hot(2 * kinds), 2 * kinds),
        loss=terms.cross_entropy,
        metrics={
            "closing_accuracy": base.Metric(accuracy, chance, best=1.0, bounded=True)
        },
        baseline=theory.baseline,
        steps=config.length,
        optimum=theory.optimum,
        vocabulary=(
            *(f"({kind + 1}" for kind in range(kinds)),
            *(f"{kind + 1})" for kind in range(kinds)),
        ),
        curves={"length": closing},
    )


def sequences(config: Dyck, key: jax.Array, count: int, batch_size: int) -> jax.Array:
    """The first brackets of random words, `[count, B]`: kind, plus k where one closes."""
    for_coins, for_kinds = jax.random.split(key)
    shape = count, batch_size
    coins = jax.random.bernoulli(for_coins, 0.5, shape)
    drawn = jax.random.randint(for_kinds, shape, 0, config.kinds)
    levels = jnp.arange(config.depth)[:, None]

    def step(carry, choice):
        depth, stack = carry
        coin, kind = choice
        opens = (depth == 0) | (coin & (depth < config.depth))
        top = jnp.where(levels == depth - 1, stack, 0).sum(0)
        stack = jnp.where((levels == depth) & opens, kind, stack)
        depth = depth + jnp.where(opens, 1, -1)
        return (depth, stack), jnp.where(opens, kind, config.kinds + top)

    nothing = jnp.zeros(batch_size, int), jnp.zeros((config.depth, batch_size), int)
    return jax.lax.scan(step, nothing, (coins, drawn))[1]


def theory_of(config: Dyck, steps: int) -> Theory:
    """The theory, by dynamic programming over depth and whether the last one opened."""
    opens = np.full(config.depth + 1, 0.5)
    opens[0], opens[-1] = 1.0, 0.0
    uniform = math.log(config.kinds)
    depths = np.zeros((2, config.depth + 1))
    depths[1, 1] = 1.0
    # pairs[i, j]: the current bracket and the next close (0) or open (1).
    pairs, optimum = np.zeros((2, 2)), 0.0
    for _ in range(steps):
        pairs += np.stack([depths @ (1 - opens), depths @ opens], axis=1) / steps
        optimum += depths.sum(0) @ (_entropy(opens) + opens * uniform) / steps
        up, down = depths.sum(0) * opens, depths.sum(0) * (1 - opens)
        depths = np.stack([np.append(down[1:], 0), np.insert(up[:-1], 0, 0)])
    seen = pairs.sum(1)
    coin = seen @ _entropy(pairs[:, 1] / seen)
    # After an opening the kind that may close is known; in all other cases no kind is.
    baseline = coin + (1 - pairs[1, 0]) * uniform
    guessed = pairs[1, 0] + pairs[0, 0] / config.kinds
    return Theory(float(optimum), float(baseline), float(guessed / pairs[:, 0].sum()))


def _entropy(p: np.ndarray) -> np.ndarray:
    """Entropy of a coin, nats."""
    both = np.stack([p, 1 - p])
    return -(both * np.log(np.where(both > 0, both, 1))).sum(0)


def _closings(
    kinds: int, logits: jax.Array, batch: Batch
) -> tuple[jax.Array, jax.Array]:
    """Whether the right closing bracket is the most likely one; weight 1 where one closes."""
    closes = (batch.targets >= kinds).astype(jnp.float32)
    right = logits[..., kinds:].argmax(-1) == batch.targets - kinds
    return right, closes if batch.weights is None else closes * batch.weights


SPEC = base.BenchmarkSpec(Dyck, base.without_files(dyck), PRESETS, DESCRIPTION)
