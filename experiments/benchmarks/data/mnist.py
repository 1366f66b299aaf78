# SPDX-License-Identifier: Apache-2.0
"""MNIST, from the files of LeCun, Cortes & Burges in their IDX format."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.benchmarks.data.files import DataFile, content
from experiments.config.errors import UsageError


HOME = "https://ossci-datasets.s3.amazonaws.com/mnist"

FILES = {
    "train images": DataFile(
        "mnist/train-images-idx3-ubyte.gz",
        f"{HOME}/train-images-idx3-ubyte.gz",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train labels": DataFile(
        "mnist/train-labels-idx1-ubyte.gz",
        f"{HOME}/train-labels-idx1-ubyte.gz",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "test images": DataFile(
        "mnist/t10k-images-idx3-ubyte.gz",
        f"{HOME}/t10k-images-idx3-ubyte.gz",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "test labels": DataFile(
        "mnist/t10k-labels-idx1-ubyte.gz",
        f"{HOME}/t10k-labels-idx1-ubyte.gz",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}

BYTES = 0x08
"""The IDX type of the entries of MNIST."""


class Digits(NamedTuple):
    """Pictures of digits.

    Attributes:
      images: `[N, 28, 28]` uint8.
      labels: `[N]` uint8.
    """

    images: np.ndarray
    labels: np.ndarray


def read_mnist(directory: Path) -> tuple[Digits, Digits]:
    """Read the 60,000 training digits and the 10,000 test digits.

    Raises:
      UsageError: a file is missing, or not the right one.
    """
    arrays = {
        name: parse_idx(content(named, directory), str(directory / named.path))
        for name, named in FILES.items()
    }
    train, test = (
        Digits(arrays[f"{part} images"], arrays[f"{part} labels"])
        for part in ("train", "test")
    )
    return train, test


def parse_idx(data: bytes, where: str) -> np.ndarray:
    """Read an array of bytes from a file that begins with 0, 0, type, rank and sizes.

    Raises:
      UsageError: the file begins otherwise, or is cut short.
    """
    rank = data[3] if len(data) > 3 else 0
    start = 4 + 4 * rank
    if len(data) < start or data[:3] != bytes([0, 0, BYTES]):
        raise UsageError(f"{where} is not an IDX file of bytes: fetch it anew")
    shape = np.frombuffer(data, ">u4", count=rank, offset=4).tolist()
    if len(data) - start != math.prod(shape):
        raise UsageError(
            f"{where} should hold {math.prod(shape):,} entries and holds "
            f"{len(data) - start:,}: fetch it anew"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)
