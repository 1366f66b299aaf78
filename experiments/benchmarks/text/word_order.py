# SPDX-License-Identifier: Apache-2.0
"""Word order: a question or a statement, made of the same Vietnamese words.

    python -m experiments --benchmark=word_order
    python -m experiments --benchmark=word_order --word_order.extra=10 \\
        --cells=gru,experiments.benchmarks.text.bag_of_words:bag_of_words

"con ăn cơm chưa" asks whether you have eaten yet, "con chưa ăn cơm" says that I have not:
subject, verb and object, and a particle at their end or before the verb. Adverbials
follow, then the polite word "ạ", at which the target is the class: 1 is a question. The
classes have the same sentences but for the place of the particle, so that the order of
the words alone tells them apart.

Chance: a predictor without memory sees "ạ", and one that counts words sees the same counts
in both classes: ln 2, and accuracy 1/2.

Papers: Harris, "Distributional structure", 1954, for the bag of words; Elman, "Finding
structure in time", 1990.
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
    task="a Vietnamese sentence whose particle stands last or before the verb; whether "
    "it is a question",
    chance="ln 2 nats; accuracy 1/2, also for every bag of words",
    published="none",
    time="1 min",
)

PARTS: dict[str, tuple[str, ...]] = {
    "subject": ("con", "em", "anh", "chị", "mẹ", "bố"),
    "verb": ("ăn", "mua", "nấu", "rửa", "bán"),
    "object": ("cơm", "cá", "thịt", "rau", "trứng", "xôi"),
    "particle": ("chưa", "không"),
    "adverbial": ("hôm_nay", "sáng_nay", "ở_nhà", "với_bạn", "thật", "vậy"),
    "end": ("ạ",),
}
"""Part of speech -> its words. Both particles ask at the end and deny before a verb."""

WORDS = tuple(word for words in PARTS.values() for word in words)


@dataclass(frozen=True)
class WordOrder:
    """Questions and statements of the same words.

    Attributes:
      extra: adverbials between the sentence and the target [words].
    """

    extra: int = 30

    def __post_init__(self):
        check_at_least(0, extra=self.extra)


PRESETS: dict[str, dict[str, Value]] = {
    "default": {
        "train.batch": 64,
        "train.learning_rate": 0.002,
        "train.schedule": "half_cosine",
        "train.steps": 1000,
    },
}


def word_order(config: WordOrder) -> base.Benchmark:
    """The task as a `Benchmark`; inputs are ids `[T, B]`, T = 5 + extra."""
    steps = 5 + config.extra

    def draw(key, batch_size):
        for_classes, for_words = jax.random.split(key)
        classes = jax.random.bernoulli(for_classes, 0.5, (batch_size,)).astype(jnp.int32)
        words = sentences(config, for_words, classes)
        return Batch(words, *terms.at_the_end(classes, steps))

    return base.Benchmark(
        train=base.generated(draw),
        validation=base.generated(draw),
        network=sequence_network(one_hot(len(WORDS)), 2),
        loss=terms.cross_entropy,
        metrics={"accuracy": base.Metric(terms.correct, 0.5, best=1.0, bounded=True)},
        baseline=math.log(2),
        steps=steps,
        vocabulary=WORDS,
    )


def sentences(config: WordOrder, key: jax.Array, classes: jax.Array) -> jax.Array:
    """Words `[5 + extra, B]`; the same for either class `[B]`, but for their order."""
    counts = dict.fromkeys(PARTS, 1) | {"adverbial": config.extra}
    drawn = {}
    for part, for_part in zip(PARTS, jax.random.split(key, len(PARTS)), strict=True):
        first = WORDS.index(PARTS[part][0])
        shape = counts[part], *classes.shape
        last = first + len(PARTS[part])
        drawn[part] = jax.random.randint(for_part, shape, first, last)
    subject, verb, thing, particle, adverbials, end = drawn.values()
    question = jnp.concatenate([subject, verb, thing, particle, adverbials, end])
    statement = jnp.concatenate([subject, particle, verb, thing, adverbials, end])
    return jnp.where(classes, question, statement)


SPEC = base.BenchmarkSpec(WordOrder, base.without_files(word_order), PRESETS, DESCRIPTION)
