# SPDX-License-Identifier: Apache-2.0
"""Dyck: which bracket comes next, of several kinds nested to a bounded depth.

    python -m experiments --benchmark=dyck
    python -m experiments --benchmark=dyck --dyck.kinds=4 --dyck.depth=8

Brackets open with probability 1/2, always where none is open and never at the depth
bound; their kinds are uniform. Otherwise the innermost one closes. At each step the next
bracket is due. That it closes is chance; which kind closes is on the stack.

Chance: a predictor without memory knows the innermost bracket right after it was opened
and nothing of the stack after one was closed. Its loss, and the least one that a stack
makes possible, are computed from the distribution of the depth at every step.

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

from experiments.benchmarks.base import Batch, Benchmark, Profile, cross_entropy
from experiments.benchmarks.spec import About, Entry, drawn
from experiments.config.errors import check_at_least
from experiments.config.options import Value


ABOUT = About(
    protocol="brackets of k kinds, nested to a bounded depth; the next one is due; tested "
    "on longer sequences",
    chance="of what the last bracket says of the next one; exact, by dynamic programming",
    published="none for this mixture of lengths",
    takes="1 min",
)


@dataclass(frozen=True)
class Dyck:
    """A bracket language of bounded depth.

    Attributes:
      kinds: k, different pairs of brackets.
      depth: how many brackets can be open at a time [brackets].
      length: of the sequences to train on [steps].
      tested: length of the held-out sequences, `length` or more [steps].
    """

    kinds: int = 2
    depth: int = 5
    length: int = 40
    tested: int = 500

    def __post_init__(self):
        # Of one kind, or one deep, the bracket that closes is no question of memory.
        check_at_least(2, kinds=self.kinds, depth=self.depth, length=self.length)
        check_at_least(self.length, tested=self.tested)


PRESETS: dict[str, dict[str, Value]] = {
    "default": {
        "train.batch": 64,
        "train.learning_rate": 0.01,
        "train.schedule": "half_cosine",
        "train.steps": 1500,
    },
}


class Theory(NamedTuple):
    """What the best predictors get, on average over the steps of a sequence.

    Attributes:
      optimum: loss of the one that knows the stack, nats.
      baseline: loss of the one that sees the current bracket, nats.
      chance: closing accuracy of the latter.
    """

    optimum: float
    baseline: float
    chance: float


def dyck(config: Dyck) -> Benchmark:
    """The task as a `Benchmark`; inputs `[T, B, 2k]`, k openings and their closings."""
    kinds = config.kinds

    def of_length(steps):
        def draw(key, batch_size):
            brackets = sequences(config, key, steps + 1, batch_size)
            return Batch(jax.nn.one_hot(brackets[:-1], 2 * kinds), brackets[1:])

        return draw

    def metrics(logits, batch):
        right, closes = _closings(kinds, logits, batch)
        return {"closing_accuracy": right.sum() / closes.sum()}

    def by_position(logits, batch):
        right, closes = (x.sum(1) for x in _closings(kinds, logits, batch))
        return jnp.concatenate([jnp.full(1, jnp.nan), right / closes])

    theory = theory_of(config, config.tested)
    return Benchmark(
        steps=config.length,
        input_size=2 * kinds,
        output_size=2 * kinds,
        batch=of_length(config.length),
        loss=cross_entropy,
        metrics=metrics,
        baseline=theory.baseline,
        chance={"closing_accuracy": theory.chance},
        symbols=(
            *(f"({kind + 1}" for kind in range(kinds)),
            *(f"{kind + 1})" for kind in range(kinds)),
        ),
        held_out=of_length(config.tested),
        optimum=theory.optimum,
        profile=Profile(
            "length (steps)", "closing accuracy", by_position, chance=theory.chance
        ),
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
    """By dynamic programming over the depth and whether the last bracket opened."""
    opens = np.full(config.depth + 1, 0.5)
    opens[0], opens[-1] = 1.0, 0.0
    uniform = math.log(config.kinds)
    depths = np.zeros((2, config.depth + 1))
    depths[1, 1] = 1.0
    # Of the current bracket and the next one: whether each closes (0) or opens (1).
    pairs, optimum = np.zeros((2, 2)), 0.0
    for _ in range(steps):
        pairs += np.stack([depths @ (1 - opens), depths @ opens], axis=1) / steps
        optimum += depths.sum(0) @ (_entropy(opens) + opens * uniform) / steps
        up, down = depths.sum(0) * opens, depths.sum(0) * (1 - opens)
        depths = np.stack([np.append(down[1:], 0), np.insert(up[:-1], 0, 0)])
    seen = pairs.sum(1)
    coin = seen @ _entropy(pairs[:, 1] / seen)
    # After an opening the kind that may close is known; in all other cases none is.
    baseline = coin + (1 - pairs[1, 0]) * uniform
    guessed = pairs[1, 0] + pairs[0, 0] / config.kinds
    return Theory(float(optimum), float(baseline), float(guessed / pairs[:, 0].sum()))


def _entropy(p: np.ndarray) -> np.ndarray:
    """Of a coin, nats; zero where it is sure."""
    both = np.stack([p, 1 - p])
    return -(both * np.log(np.where(both > 0, both, 1))).sum(0)


def _closings(
    kinds: int, logits: jax.Array, batch: Batch
) -> tuple[jax.Array, jax.Array]:
    """Where the right one of the closings is likeliest, and where one closes, `[T, B]`."""
    closes = batch.targets >= kinds
    right = logits[..., kinds:].argmax(-1) == batch.targets - kinds
    return (closes & right).astype(jnp.float32), closes.astype(jnp.float32)


ENTRY = Entry(Dyck, drawn(dyck), PRESETS, ABOUT)
