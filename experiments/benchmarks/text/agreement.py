# SPDX-License-Identifier: Apache-2.0
"""Agreement: the last word of a sentence depends on one near its beginning.

    python -m experiments --benchmark=agreement
    python -m experiments --benchmark=agreement --agreement.distance=40

A language model of a small grammar, word by word: "someone who left old france really
beside the dogs without dear anna speaks fluent", then "french". A country decides the
language, the number of a noun the verb ("the keys behind the door most certainly are"),
a name the pronoun. In between are phrases whose nouns could be cues and are none.

Chance: a predictor without memory sees the current word, not how many there were before;
its loss is that of the pairs of neighbours in a sentence, whose distribution the grammar
gives exactly. The optimum is the entropy of the next word given all words so far; at the
last step it is 0, since the cue decides.

Papers: Bengio, Simard & Frasconi, "Learning long-term dependencies with gradient descent
is difficult", 1994; Linzen, Dupoux & Goldberg, "Assessing the ability of LSTMs to learn
syntax-sensitive dependencies", 2016.
"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks.base import Batch, Benchmark, Profile, cross_entropy
from experiments.benchmarks.data.grammar import CUE, Grammar, make_grammar
from experiments.benchmarks.spec import About, Entry, drawn
from experiments.config.errors import check_at_least
from experiments.config.options import Value


ABOUT = About(
    protocol="next word of sentences of a small grammar, whose last word agrees with a cue",
    chance="of pairs of neighbouring words, exact; agreement 7/18",
    published="none for this grammar",
    takes="1 min",
)


@dataclass(frozen=True)
class Agreement:
    """A language with agreement over a distance.

    Attributes:
      distance: from the cue to the word that agrees, what is in between [words].
      distractors: nouns in between; those of `cues` could be cues, `neutral` could not.
    """

    distance: int = 10
    distractors: Literal["cues", "neutral"] = "cues"

    def __post_init__(self):
        # The two words that ask are always there.
        check_at_least(2, distance=self.distance)


PRESETS: dict[str, dict[str, Value]] = {
    "default": {
        "train.batch": 64,
        "train.learning_rate": 0.005,
        "train.schedule": "half_cosine",
        "train.steps": 1500,
    },
}


class Theory(NamedTuple):
    """What the best predictors get.

    Attributes:
      entropies: `[T]` loss of the one that knows all words so far, nats.
      baseline: mean loss of the one that sees the current word, nats.
      agreement: its accuracy at the last step.
      surprise: its loss at the last step, nats.
    """

    entropies: np.ndarray
    baseline: float
    agreement: float
    surprise: float


def agreement(config: Agreement) -> Benchmark:
    """The task as a `Benchmark`; inputs `[T, B, I]`, one-hot words, T = distance + 5."""
    grammar = make_grammar(config.distance, config.distractors == "cues")
    theory = theory_of(grammar)
    size = len(grammar.words)

    def batch(key, batch_size):
        words = sentences(grammar, key, batch_size)
        return Batch(jax.nn.one_hot(words[:-1], size), words[1:])

    def metrics(logits, batch):
        right = logits[-1].argmax(-1) == batch.targets[-1]
        surprise = cross_entropy(logits[-1], batch.targets[-1]).mean()
        return {
            "agreement_accuracy": right.mean(dtype=jnp.float32),
            "excess_bits": (surprise - theory.entropies[-1]) / math.log(2),
        }

    def excess(logits, batch):
        losses = cross_entropy(logits, batch.targets).mean(1)
        return jnp.concatenate([jnp.full(1, jnp.nan), losses - theory.entropies])

    optimum = float(theory.entropies.mean())
    return Benchmark(
        steps=config.distance + CUE + 1,
        input_size=size,
        output_size=size,
        batch=batch,
        loss=cross_entropy,
        metrics=metrics,
        baseline=theory.baseline,
        chance={
            "agreement_accuracy": theory.agreement,
            "excess_bits": (theory.surprise - float(theory.entropies[-1])) / math.log(2),
        },
        symbols=grammar.words,
        optimum=optimum,
        profile=Profile(
            "words read (steps)",
            "nats above the optimum",
            excess,
            chance=theory.baseline - optimum,
        ),
    )


def sentences(grammar: Grammar, key: jax.Array, batch_size: int) -> jax.Array:
    """Random sentences, `[T + 1, B]` word ids."""
    for_kinds, for_words = jax.random.split(key)
    kinds = jax.random.randint(for_kinds, (batch_size,), 0, len(grammar.first))
    first = jnp.asarray(grammar.first)[kinds]

    def step(word, given):
        key, follows = given
        word = jax.random.categorical(key, jnp.log(follows[kinds, word]))
        return word, word

    keys = jax.random.split(for_words, len(grammar.follows))
    follows = jnp.asarray(grammar.follows, jnp.float32)
    _, rest = jax.lax.scan(step, first, (keys, follows))
    words = jnp.concatenate([first[None], rest])
    return jnp.concatenate([words, jnp.asarray(grammar.agrees)[words[CUE]][None]])


def theory_of(grammar: Grammar) -> Theory:
    """From the distribution of the words at each place, for each kind of sentence."""
    kinds, size = len(grammar.first), len(grammar.words)
    now = np.zeros((kinds, size))
    now[np.arange(kinds), grammar.first] = 1 / kinds
    pairs, entropies, cues = np.zeros((size, size)), [], now
    for place, follows in enumerate(grammar.follows):
        if place == CUE:
            cues = now
        pairs += np.einsum("kv,kvw->vw", now, follows)
        entropies.append((now * _surprise(follows, follows).sum(-1)).sum())
        now = np.einsum("kv,kvw->kw", now, follows)
    ends = np.zeros((size, size))
    for kind, cue in np.argwhere(cues):
        ends[grammar.last[kind], grammar.agrees[cue]] += cues[kind, cue]
    pairs += ends
    predicted = pairs / np.maximum(pairs.sum(1, keepdims=True), 1e-300)
    guesses = predicted.argmax(1)
    return Theory(
        entropies=np.array([*entropies, 0.0]),
        baseline=float(_surprise(pairs, predicted).sum() / (len(entropies) + 1)),
        agreement=float(ends[np.arange(size), guesses].sum()),
        surprise=float(_surprise(ends, predicted).sum()),
    )


def _surprise(p: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """-p ln(predicted), entry by entry; zero where p is."""
    return -p * np.log(np.where(p > 0, predicted, 1))


ENTRY = Entry(Agreement, drawn(agreement), PRESETS, ABOUT)
