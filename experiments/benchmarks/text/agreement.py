# SPDX-License-Identifier: Apache-2.0
"""Agreement: the last word of a sentence depends on one near its beginning.

    python -m experiments --benchmark=agreement
    python -m experiments --benchmark=agreement --agreement.distance=40

A language model of a small grammar, word by word: "someone who left old france really
beside the dogs without dear anna speaks fluent", then "french". A country decides the
language, the number of a noun the verb ("the keys behind the door most certainly are"),
a name the pronoun. The nouns of the phrases in between could be cues and are none.

Chance: a predictor without memory sees the current word, not how many there were before;
its loss is that of the bigram, whose distribution the grammar gives exactly. The optimum
is the entropy of the next word given all words so far; at the last step it is 0, since the
cue decides.

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

from experiments.benchmarks import base, terms
from experiments.benchmarks.data.grammar import CUE, Grammar, make_grammar
from experiments.benchmarks.data.stream import next_symbol
from experiments.config.errors import check_at_least
from experiments.config.options import Value
from experiments.networks.embed import one_hot
from experiments.networks.sequence import sequence_network


DESCRIPTION = base.Description(
    task="next word of sentences of a small grammar, whose last word agrees with a cue",
    chance="loss of the bigram, exact; agreement 7/18",
    published="none for this grammar",
    time="1 min",
)


@dataclass(frozen=True)
class Agreement:
    """A language with agreement over a distance.

    Attributes:
      distance: words between the cue and the word that agrees [words].
      distractors: nouns in between; `cues` could be cues, `neutral` could not.
    """

    distance: int = 10
    distractors: Literal["cues", "neutral"] = "cues"

    def __post_init__(self):
        # The two words before the last are always there.
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
    """The best predictors, with and without memory.

    Attributes:
      entropies: `[T]` loss with all words so far, nats.
      baseline: mean loss with the current word alone, nats.
      agreement: accuracy at the last step with the current word alone.
      surprise: loss at the last step with the current word alone, nats.
    """

    entropies: np.ndarray
    baseline: float
    agreement: float
    surprise: float


def agreement(config: Agreement) -> base.Benchmark:
    """The task as a `Benchmark`; inputs are ids `[T, B]`, T = distance + 5."""
    grammar = make_grammar(config.distance, config.distractors == "cues")
    theory = theory_of(grammar)
    size = len(grammar.words)

    def draw(key, batch_size):
        return next_symbol(sentences(grammar, key, batch_size))

    def excess(logits, batch):
        return terms.nats(logits, batch.targets) - theory.entropies[:, None]

    def excess_bits(logits, batch):
        bits = excess(logits, batch) / math.log(2)
        return terms.weighted(bits, terms.last_term(batch).weights)

    agrees = lambda logits, batch: terms.correct(logits, terms.last_term(batch))
    by_words = lambda logits, batch: terms.by_length(excess(logits, batch), batch.weights)
    optimum = float(theory.entropies.mean())
    gap = theory.baseline - optimum
    curve = base.Curve("words read (steps)", "nats above the optimum", by_words, gap)
    return base.Benchmark(
        train=base.generated(draw),
        validation=base.generated(draw),
        network=sequence_network(one_hot(size), size),
        loss=terms.cross_entropy,
        metrics={
            "agreement_accuracy": base.Metric(
                agrees, theory.agreement, best=1.0, bounded=True
            ),
            "excess_bits": base.Metric(
                excess_bits, theory.surprise / math.log(2), unit="bits", best=0.0
            ),
        },
        baseline=theory.baseline,
        steps=config.distance + CUE + 1,
        optimum=optimum,
        vocabulary=grammar.words,
        curves={"length": curve},
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
    """The theory, from the distribution of words at each place, for each kind of sentence."""
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
    """-p ln(predicted), entry by entry; 0 where p is 0."""
    return -p * np.log(np.where(p > 0, predicted, 1))


SPEC = base.BenchmarkSpec(Agreement, base.without_files(agreement), PRESETS, DESCRIPTION)
