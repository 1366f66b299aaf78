# SPDX-License-Identifier: Apache-2.0
"""Pixel MNIST: name a digit that is read pixel by pixel, or row by row.

    python -m experiments --benchmark=pixel_mnist
    python -m experiments --benchmark=pixel_mnist --preset=sequential
    python -m experiments --benchmark=pixel_mnist --preset=permuted

`rows` reads 28 rows of 28 pixels, `pixels` 784 single pixels in reading order, `permuted`
the same in one fixed random order, that of `np.random.RandomState(92916)`. Pixels are
scaled to mean 0 and standard deviation 1 over the training part. What the digit is, is due
at the last step.

Training draws with replacement from the 60,000 training images. Evaluations while training
read the same `train.eval_batch` of the 10,000 test images; with 10,000 they read all.

Chance: always the most frequent digit of the test part, which is right in 11.35%.

Time and numbers to expect are in the README, "What papers say".

Papers: Le, Jaitly & Hinton, "A simple way to initialize recurrent networks of rectified
linear units", 2015; permutation: Wisdom et al., 2016; sizes: Bai, Kolter & Koltun, 2018.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks.base import Batch, Benchmark, cross_entropy, only_last
from experiments.benchmarks.data.mnist import FILES, Digits, read_mnist
from experiments.benchmarks.spec import About, Entry
from experiments.config.options import Value


MEAN, DEVIATION = 0.1307, 0.3081
"""Of the pixels of the training part, on a scale of 0 to 1."""

PERMUTATION_SEED = 92916

CLASSES = 10

ABOUT = About(
    protocol="a digit read by rows, by pixels, or by permuted pixels; its name at the end",
    chance="11.35% (always the most frequent digit)",
    published="70K parameters, sequential / permuted (Bai 2018): LSTM 87.2 / 85.7, GRU "
    "96.2 / 87.3, RNN 21.5 / 25.3",
    takes="1 min",
)


@dataclass(frozen=True)
class PixelMNIST:
    """MNIST as a sequence.

    Attributes:
      order: `rows` of 28 pixels, single `pixels`, or pixels in `permuted` order.
    """

    order: Literal["rows", "pixels", "permuted"] = "rows"


# Sizes are those of Bai et al. Theirs were trained for ten epochs, these for three, so
# gates start as chrono initialisation has them instead of with their forget biases.
BAI: dict[str, Value] = {
    "cells": "lstm,gru",
    "gru.chrono_steps": 784,
    "gru.hidden": 150,
    "lstm.chrono_steps": 784,
    "lstm.hidden": 130,
    "rnn.hidden": 258,
    "seeds": 1,
    "train.batch": 64,
    "train.checkpoint_every": 500,
    "train.eval_batch": 10000,
    "train.eval_every": 500,
    "train.eval_parts": 20,
    "train.flow_batch": 8,
    "train.learning_rate": 0.002,
    "train.schedule": "half_cosine",
    "train.steps": 3000,
}

PRESETS: dict[str, dict[str, Value]] = {
    "default": {
        "lstm.forget_bias": 1.0,
        "train.batch": 64,
        "train.eval_batch": 10000,
        "train.eval_every": 200,
        "train.eval_parts": 4,
        "train.learning_rate": 0.002,
        "train.schedule": "half_cosine",
        "train.steps": 2000,
    },
    "sequential": {**BAI, "pixel_mnist.order": "pixels"},
    "permuted": {**BAI, "pixel_mnist.order": "permuted"},
}


def pixel_mnist(config: PixelMNIST, data: Path) -> Benchmark:
    """The task as a `Benchmark`; inputs `[T, B, I]`, 28 and 28 or 784 and 1.

    Raises:
      Refusal: the files of MNIST cannot be had.
    """
    train, test = read_mnist(data)
    steps, size = (28, 28) if config.order == "rows" else (784, 1)
    order = np.arange(steps * size)
    if config.order == "permuted":
        order = np.random.RandomState(PERMUTATION_SEED).permutation(order)

    def drawn_from(digits: Digits, choose):
        pixels = digits.images.reshape(len(digits.images), -1)[:, order]
        labels = digits.labels.astype(np.int32)

        def draw(key, batch_size):
            chosen = choose(key, len(labels), batch_size)
            read = jnp.asarray(pixels)[chosen].reshape(-1, steps, size)
            inputs = (jnp.swapaxes(read, 0, 1) / 255 - MEAN) / DEVIATION
            return Batch(inputs, *only_last(jnp.asarray(labels)[chosen], steps))

        return draw

    def metrics(logits, batch):
        return {"accuracy": (logits[-1].argmax(-1) == batch.targets[-1]).mean()}

    shares = np.bincount(train.labels, minlength=CLASSES) / len(train.labels)
    return Benchmark(
        steps=steps,
        input_size=size,
        output_size=CLASSES,
        batch=drawn_from(train, anywhere),
        loss=cross_entropy,
        metrics=metrics,
        baseline=-sum(p * math.log(p) for p in shares),
        chance={"accuracy": np.bincount(test.labels).max() / len(test.labels)},
        held_out=drawn_from(test, evenly),
        notes=tuple(f"{named.path}, sha256 {named.sha256}" for named in FILES.values()),
    )


def anywhere(key: jax.Array, count: int, batch_size: int) -> jax.Array:
    """`[B]` indices, each of `count` as likely."""
    return jax.random.randint(key, (batch_size,), 0, count)


def evenly(key: jax.Array, count: int, batch_size: int) -> jax.Array:
    """`[B]` indices, ever the same, spread over `count`."""
    del key
    return jnp.arange(batch_size) * count // batch_size


ENTRY = Entry(PixelMNIST, pixel_mnist, PRESETS, ABOUT)
