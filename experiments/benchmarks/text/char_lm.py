# SPDX-License-Identifier: Apache-2.0
"""Character language model: predict the next character of a text.

    python -m experiments --benchmark=char_lm
    python -m experiments --benchmark=char_lm --preset=tiny_shakespeare
    python -m experiments --benchmark=char_lm --char_lm.text=PATH
    python -m experiments.sample --run=RUN --prompt=The --temperature=0.8

The end of the text is for validation and test, or with `char_lm.parts` the end of each of
so many parts of it. Both are read whole, from the initial state. Training reads
`train.batch` streams side by side, chunk by chunk; the state goes on from chunk to chunk,
the gradient does not. Where all streams have ended they begin again.

Chance: a predictor without memory sees one character, so it is the bigram. Uniform,
unigram and trigram predictors, counted on the training part, are in `references`.

Papers: Mikolov et al., "Recurrent neural network based language model", 2010; Karpathy,
Johnson & Fei-Fei, "Visualizing and understanding recurrent networks", 2015.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from experiments.benchmarks import base, terms
from experiments.benchmarks.data import ngrams
from experiments.benchmarks.data.corpora import Split, Text, read_text, split
from experiments.benchmarks.data.stream import read_whole, streams, windows
from experiments.config.errors import check_at_least
from experiments.config.options import Value
from experiments.networks.embed import one_hot
from experiments.networks.sequence import sequence_network


DESCRIPTION = base.Description(
    task="next character of a text; the state carried over chunks; last 10% held out",
    chance="bigram of the same split; uniform, unigram and trigram are printed beside it",
    published="Tiny Shakespeare: char-rnn 1.40 to 1.42 nats (another split), minGRU 1.548, "
    "minLSTM 1.555 (Feng 2024)",
    time="2 min",
)


@dataclass(frozen=True)
class CharLM:
    """A character language model.

    Attributes:
      text: `python_docs`, the documentation inside every Python; `tiny_shakespeare`,
        `war_and_peace`, `truyen_kieu`; or the path of a file.
      encoding: encoding of a file of your own.
      validation: share of the text for validation.
      test: share of the text for the test; with 0 validation is reported.
      parts: the text is cut into so many of equal length, each of which ends with
        validation and test: 1 is the contiguous split, `train.batch` nearly char-rnn's.
      rows: validation and test are read as so many rows side by side [rows].
      chunk: T, length of a chunk, within which gradient goes back [steps].
      layout: `streams` are contiguous and in order; `windows` begin anywhere.
      carry: whether the state goes on from chunk to chunk of a stream.
    """

    text: str = "python_docs"
    encoding: str = "utf-8"
    validation: float = 0.05
    test: float = 0.05
    parts: int = 1
    rows: int = 32
    chunk: int = 50
    layout: Literal["streams", "windows"] = "streams"
    carry: bool = True

    def __post_init__(self):
        check_at_least(1, chunk=self.chunk, parts=self.parts, rows=self.rows)
        check_at_least(0, test=self.test)
        if not 0 < self.validation < 1 - self.test:
            raise ValueError(
                f"validation must be above 0 and below 1 - test, got {self.validation}"
            )
        if not self.text:
            raise ValueError("text must name a text or a file, got nothing")


PRESETS: dict[str, dict[str, Value]] = {
    "default": {
        "model.hidden": 128,
        "seeds": 1,
        "train.batch": 32,
        "train.eval_batch": 32,
        "train.eval_every": 100,
        "train.learning_rate": 0.004,
        "train.steps": 2000,
    },
    # Feng et al. (2024) call theirs char-rnn's protocol and report validation, so there is
    # no test part. The widths give LSTM and GRU as many parameters.
    "tiny_shakespeare": {
        "char_lm.rows": 10,
        "char_lm.test": 0.0,
        "char_lm.text": "tiny_shakespeare",
        "char_lm.validation": 0.1,
        "gru.hidden": 148,
        "lstm.hidden": 128,
        "model.layers": 2,
        "rnn.hidden": 256,
        "seeds": 1,
        "train.batch": 50,
        "train.checkpoint_every": 2000,
        "train.clip": 1.0,
        "train.eval_batch": 10,
        "train.eval_every": 200,
        "train.learning_rate": 0.002,
        "train.log_every": 50,
        "train.schedule": "half_cosine",
        "train.steps": 8000,
    },
}


def char_lm(config: CharLM, directory: Path) -> base.Benchmark:
    """The task as a `Benchmark`; inputs are ids `[T, B]`.

    Raises:
      UsageError: the text cannot be read.
      ValueError: it is shorter than a chunk, or of one symbol.
    """
    text = read_text(config.text, config.encoding, directory)
    parts = split(text, config.validation, config.test, config.parts)
    _check(text, parts, config)
    reported, size = parts.test if config.test else parts.validation, len(parts.symbols)
    references = ngrams.baselines(parts.train, reported, size)
    bigram = references.pop("bigram")
    guessed = ngrams.bigram_accuracy(parts.train, reported, size)

    def bits(logits, batch):
        total, count = terms.cross_entropy(logits, batch)
        return total / math.log(2), count

    return base.Benchmark(
        train=streams(parts.train, config.chunk, config.carry)
        if config.layout == "streams"
        else windows(parts.train, config.chunk),
        validation=read_whole(parts.validation, config.rows),
        test=read_whole(parts.test, config.rows) if config.test else None,
        flow=windows(parts.validation, config.chunk),
        network=sequence_network(one_hot(size), size, generates=True),
        loss=terms.cross_entropy,
        metrics={
            "bits_per_character": base.Metric(bits, bigram / math.log(2), unit="bits"),
            "accuracy": base.Metric(terms.correct, guessed, bounded=True),
        },
        baseline=bigram,
        steps=config.chunk,
        references=references,
        vocabulary=parts.symbols,
        notes=parts.notes,
    )


def _check(text: Text, parts: Split, config: CharLM) -> None:
    """Check that there is something to learn and to evaluate.

    Raises:
      ValueError: the text is empty, of one symbol, or shorter than a chunk.
    """
    source, count = f"text={text.source}", len(text.characters)
    if not count:
        raise ValueError(f"{source} is empty: name another")
    if len(np.unique(parts.train)) == 1:
        symbol = parts.symbols[parts.train[0]]
        raise ValueError(f"{source} has one symbol, {symbol!r}: there is nothing to predict")
    short = min(len(parts.train), len(parts.validation)) <= config.chunk
    if short or (config.test and len(parts.test) < 2):
        sizes = ", ".join(str(len(part)) for part in parts[:3])
        raise ValueError(
            f"{source} has {count} characters, too few for chunks of {config.chunk}: the parts "
            f"have {sizes}; choose a longer text or a smaller --char_lm.chunk"
        )


SPEC = base.BenchmarkSpec(CharLM, char_lm, PRESETS, DESCRIPTION)
