# SPDX-License-Identifier: Apache-2.0
"""The benchmarks, one file each, under their names on the command line."""

from experiments.benchmarks.base import BenchmarkSpec
from experiments.benchmarks.memory import (
    adding,
    copy_memory,
    delayed_recall,
    dyck,
    parity,
    temporal_order,
)
from experiments.benchmarks.text import agreement, char_lm, hello, word_order
from experiments.benchmarks.vision import pixel_mnist


BENCHMARKS: dict[str, BenchmarkSpec] = {
    "adding": adding.SPEC,
    "agreement": agreement.SPEC,
    "char_lm": char_lm.SPEC,
    "copy_memory": copy_memory.SPEC,
    "delayed_recall": delayed_recall.SPEC,
    "dyck": dyck.SPEC,
    "hello": hello.SPEC,
    "parity": parity.SPEC,
    "pixel_mnist": pixel_mnist.SPEC,
    "temporal_order": temporal_order.SPEC,
    "word_order": word_order.SPEC,
}
