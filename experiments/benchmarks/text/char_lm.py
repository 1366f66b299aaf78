# SPDX-License-Identifier: Apache-2.0
"""Character language model: predict the next character of a text.

    python -m experiments --benchmark=char_lm
    python -m experiments --benchmark=char_lm --preset=tiny_shakespeare
    python -m experiments --benchmark=char_lm --char_lm.text=PATH
    python -m experiments.sample --run=RUN --prompt=The --temperature=0.8

The last part of the text, or with `char_lm.parts` the end of each of so many parts of it, is
for validation, all of it at every evaluation. Training reads `train.batch` streams side by
side, chunk by chunk; the state goes on from chunk to chunk, gradient does not. Where all
streams have ended they begin again, from the initial state.

Chance: a predictor without memory sees one character, so it is the bigram. Uniform,
unigram and trigram predictors, counted on the training part, are in `references`.

Time and numbers to expect are in the README, "What papers say".

Papers: Mikolov et al., "Recurrent neural network based language model", 2010; Karpathy,
Johnson & Fei-Fei, "Visualizing and understanding recurrent networks", 2015.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import jax.numpy as jnp
import numpy as np

from experiments.benchmarks.base import Benchmark, accuracy, cross_entropy, mean_loss
from experiments.benchmarks.data import ngrams
from experiments.benchmarks.data.corpora import Text, read_text
from experiments.benchmarks.data.stream import in_rows, streams, windows
from experiments.benchmarks.spec import About, Entry
from experiments.config.errors import check_at_least
from experiments.config.options import Value


UNKNOWN = "\N{REPLACEMENT CHARACTER}"
"""What stands for the characters that training never showed."""

ABOUT = About(
    protocol="next character of a text; the state carried over chunks; last 10% validation",
    chance="bigram of the same split; uniform, unigram and trigram are printed beside it",
    published="Tiny Shakespeare: char-rnn 1.40 to 1.42 nats (another split), minGRU 1.548, "
    "minLSTM 1.555 (Feng 2024)",
    takes="2 min",
)


@dataclass(frozen=True)
class CharLM:
    """A character language model.

    Attributes:
      text: `python_docs`, the documentation inside every Python; `tiny_shakespeare`,
        `war_and_peace`, `truyen_kieu`; or the path of a file.
      encoding: of a file of yours.
      validation: the share of the text that is for validation.
      parts: the text is cut into so many of equal length, and the end of each is for
        validation: 1 is the contiguous split, `train.batch` nearly that of char-rnn.
      chunk: T, over which gradient goes back [steps].
      layout: `streams` are contiguous and in order; `windows` begin anywhere.
      carry: whether the state goes on from chunk to chunk of a stream.
    """

    text: str = "python_docs"
    encoding: str = "utf-8"
    validation: float = 0.1
    parts: int = 1
    chunk: int = 50
    layout: Literal["streams", "windows"] = "streams"
    carry: bool = True

    def __post_init__(self):
        check_at_least(1, chunk=self.chunk, parts=self.parts)
        if not 0 < self.validation < 1:
            raise ValueError(f"validation must be between 0 and 1, got {self.validation}")
        if not self.text:
            raise ValueError("text must name a text or a file, got nothing")


# Feng et al. (2024) call theirs char-rnn's protocol; sizes give LSTM and GRU alike many.
SHAKESPEARE: dict[str, Value] = {
    "char_lm.text": "tiny_shakespeare",
    "gru.hidden": 148,
    "lstm.forget_bias": 1.0,
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
}

PRESETS: dict[str, dict[str, Value]] = {
    "default": {
        "lstm.forget_bias": 1.0,
        "model.hidden": 128,
        "seeds": 1,
        "train.batch": 32,
        "train.eval_batch": 32,
        "train.eval_every": 100,
        "train.learning_rate": 0.004,
        "train.steps": 2000,
    },
    "tiny_shakespeare": SHAKESPEARE,
}


def char_lm(config: CharLM, data: Path) -> Benchmark:
    """The task as a `Benchmark`; inputs one-hot `[T, B, V]`.

    Raises:
      Refusal: the text cannot be had, or there is nothing to learn in it.
      ValueError: it is shorter than a chunk.
    """
    text = read_text(config.text, config.encoding, data)
    train, valid, symbols, notes = split(text, config)
    size = len(symbols)
    counted = ngrams.baselines(train, valid, size)
    draw = windows(train, config.chunk, size)

    def metrics(logits, batch):
        nats = mean_loss(task, logits, batch)
        return {"bits_per_character": nats / math.log(2), "accuracy": accuracy(logits, batch)}

    task = Benchmark(
        steps=config.chunk,
        input_size=size,
        output_size=size,
        batch=draw,
        loss=cross_entropy,
        metrics=metrics,
        baseline=counted["bigram"],
        chance={
            "bits_per_character": counted["bigram"] / math.log(2),
            "accuracy": ngrams.bigram_accuracy(train, valid, size),
        },
        symbols=symbols,
        held_out=lambda *asked: in_rows(valid, size, asked[1]),
        streams=_in_order(train, config, size) if config.layout == "streams" else None,
        references={k: v for k, v in counted.items() if k != "bigram"},
        spells=True,
        notes=notes,
    )
    return task


def split(
    text: Text, config: CharLM
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Training and validation part as ids, the symbols, and notes on the data.

    Raises:
      ValueError: the text is empty, of one symbol, or shorter than a chunk.
    """
    characters = text.characters
    count = len(characters)
    length = count // config.parts
    place = int((1 - config.validation) * length)
    parts = [characters[i * length :][:length] for i in range(config.parts)]
    train, valid = ("".join(part[cut] for part in parts) for cut in np.s_[:place, place:])
    known = sorted(set(train))
    if not count:
        raise ValueError(f"text={text.source} is empty: name another")
    if len(train) <= config.chunk or len(valid) < 2:
        raise ValueError(
            f"text={text.source} has {count} characters, too few for chunks of "
            f"{config.chunk}: choose a longer text, or --char_lm.chunk below {len(train)}"
        )
    if len(known) < 2:
        raise ValueError(
            f"text={text.source} has one symbol, {known[0]!r}: there is nothing to predict"
        )
    strangers = [c for c in valid if c not in set(known)]
    symbols = (*known, UNKNOWN) if strangers and UNKNOWN not in known else tuple(known)
    number = {symbol: index for index, symbol in enumerate(symbols)}
    ids = lambda part: np.array([number.get(c, number.get(UNKNOWN, 0)) for c in part])
    notes = [
        f"text {text.source}, sha256 {text.sha256}: {len(train):,} characters to train on, "
        f"{len(valid):,} to validate, {len(known)} symbols"
    ]
    if strangers:
        names = ", ".join(repr(c) for c in sorted(set(strangers))[:9])
        notes.append(
            f"{len(strangers)} characters of the validation part are not in the training "
            f"part ({names}); they are read and counted as {UNKNOWN!r}"
        )
    return ids(train), ids(valid), symbols, tuple(notes)


def _in_order(train: np.ndarray, config: CharLM, size: int):
    def begin(batch_size):
        chunk = streams(train, config.chunk, size, batch_size)
        if config.carry:
            return chunk
        return lambda step: chunk(step)._replace(first=jnp.array(True))

    return begin


ENTRY = Entry(CharLM, char_lm, PRESETS, ABOUT)
