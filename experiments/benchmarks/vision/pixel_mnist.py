# SPDX-License-Identifier: Apache-2.0
"""Pixel MNIST: name a digit that is read pixel by pixel, or row by row.

    python -m experiments --benchmark=pixel_mnist
    python -m experiments --benchmark=pixel_mnist --preset=sequential
    python -m experiments --benchmark=pixel_mnist --preset=permuted

`rows` reads 28 rows of 28 pixels, `pixels` 784 single pixels in reading order, `permuted`
the same in one fixed random order, drawn by `np.random.RandomState(92916)`. Pixels are
scaled to mean 0 and standard deviation 1 over the training images. The target at the last
step is the digit.

The last `validation` of the 60,000 training images are for validation; training draws from
the others with replacement. The test set has 10,000 images.

Chance: always the most frequent digit of the test set, which is right in 11.35%. The loss
is the cross entropy of the test labels under the shares of the digits in the training part.

Papers: Le, Jaitly & Hinton, "A simple way to initialize recurrent networks of rectified
linear units", 2015; permutation: Wisdom et al., 2016; sizes: Bai, Kolter & Koltun, 2018.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks import base, terms
from experiments.benchmarks.data.mnist import FILES, Digits, read_mnist
from experiments.config.options import Value
from experiments.networks.base import Batch
from experiments.networks.embed import numbers
from experiments.networks.sequence import sequence_network


MEAN, DEVIATION = 0.1307, 0.3081
"""Mean and standard deviation of the pixels of the training images, from 0 to 1."""

PERMUTATION_SEED = 92916

CLASSES = 10

DESCRIPTION = base.Description(
    task="a digit read by rows, by pixels, or by permuted pixels; its name at the end",
    chance="11.35% (always the most frequent digit)",
    published="70K parameters, sequential / permuted (Bai 2018): LSTM 87.2 / 85.7, GRU "
    "96.2 / 87.3, RNN 21.5 / 25.3",
    time="1 min",
)


@dataclass(frozen=True)
class PixelMNIST:
    """MNIST as a sequence.

    Attributes:
      order: `rows` of 28 pixels, single `pixels`, or pixels in `permuted` order.
      validation: training images kept for validation [images].
    """

    order: Literal["rows", "pixels", "permuted"] = "rows"
    validation: int = 5000

    def __post_init__(self):
        if not 1 <= self.validation <= 50_000:
            raise ValueError(
                f"validation must be between 1 and 50,000, got {self.validation}"
            )


# The paper gives a width for each cell. Bai et al. train for ten epochs, this
# for three, so gates start as chrono initialisation has them.
BAI: dict[str, Value] = {
    "cells": "lstm,gru",
    "gru.hidden": 150,
    "lstm.hidden": 130,
    "model.chrono_steps": 784,
    "rnn.hidden": 258,
    "seeds": 1,
    "train.batch": 64,
    "train.checkpoint_every": 500,
    "train.eval_batch": 500,
    "train.eval_every": 500,
    "train.flow_batch": 8,
    "train.learning_rate": 0.002,
    "train.schedule": "half_cosine",
    "train.steps": 3000,
}

PRESETS: dict[str, dict[str, Value]] = {
    "default": {
        "train.batch": 64,
        "train.eval_batch": 2500,
        "train.eval_every": 200,
        "train.learning_rate": 0.002,
        "train.schedule": "half_cosine",
        "train.steps": 2000,
    },
    "sequential": {**BAI, "pixel_mnist.order": "pixels"},
    "permuted": {**BAI, "pixel_mnist.order": "permuted"},
}


def pixel_mnist(config: PixelMNIST, directory: Path) -> base.Benchmark:
    """The task as a `Benchmark`; inputs `[T, B, I]`, 28 and 28 or 784 and 1.

    Raises:
      UsageError: the files of MNIST are missing or damaged.
    """
    digits, test = read_mnist(directory)
    width = 28 if config.order == "rows" else 1
    pixels, labels = as_sequences(digits, config.order)
    train, validation = (
        (pixels[part], labels[part])
        for part in (slice(-config.validation), slice(-config.validation, None))
    )
    known, tested = (
        np.bincount(part, minlength=CLASSES) / len(part) for part in (train[1], test.labels)
    )
    return base.Benchmark(
        train=at_random(train, width),
        validation=whole(validation, width),
        test=whole(as_sequences(test, config.order), width),
        flow=at_random(validation, width),
        network=sequence_network(numbers(width), CLASSES),
        loss=terms.cross_entropy,
        metrics={"accuracy": base.Metric(terms.correct, tested.max(), bounded=True)},
        baseline=float(-(tested * np.log(known)).sum()),
        steps=784 // width,
        notes=tuple(f"{named.path}, sha256 {named.sha256}" for named in FILES.values()),
    )


def as_sequences(digits: Digits, order: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels `[N, 784]` uint8 in the order in which they are read, and labels `[N]`."""
    pixels = digits.images.reshape(len(digits.images), -1)
    if order == "permuted":
        random = np.random.RandomState(PERMUTATION_SEED)
        pixels = pixels[:, random.permutation(pixels.shape[1])]
    return pixels, digits.labels.astype(np.int32)


def at_random(arrays: tuple[np.ndarray, np.ndarray], width: int) -> base.Data:
    """Images drawn with replacement."""

    def draw(arrays, key, step, batch_size):
        del step
        chosen = jax.random.randint(key, (batch_size,), 0, len(arrays[0]))
        return _batch(arrays, chosen, width, 1.0)

    return base.Data(arrays, draw)


def whole(arrays: tuple[np.ndarray, np.ndarray], width: int) -> base.Data:
    """All images once, in order."""
    size = len(arrays[0])

    def draw(arrays, key, step, batch_size):
        del key
        chosen, real = base.in_order(step, batch_size, size)
        return _batch(arrays, chosen, width, real)

    return base.Data(arrays, draw, size)


def _batch(arrays, chosen, width, real) -> Batch:
    pixels, labels = (jnp.asarray(array)[chosen] for array in arrays)
    inputs = jnp.swapaxes(pixels.reshape(len(chosen), -1, width), 0, 1)
    targets, weights = terms.at_the_end(labels, len(inputs))
    return Batch((inputs / 255 - MEAN) / DEVIATION, targets, weights=weights * real)


SPEC = base.BenchmarkSpec(PixelMNIST, pixel_mnist, PRESETS, DESCRIPTION)
