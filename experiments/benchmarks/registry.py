# SPDX-License-Identifier: Apache-2.0
"""The benchmarks, one file each, under their names on the command line."""

from experiments.benchmarks.memory import (
    adding,
    copy_memory,
    delayed_recall,
    dyck,
    parity,
    temporal_order,
)
from experiments.benchmarks.spec import Entry
from experiments.benchmarks.text import agreement, char_lm, hello, word_order
from experiments.benchmarks.vision import pixel_mnist


BENCHMARKS: dict[str, Entry] = {
    "adding": adding.ENTRY,
    "agreement": agreement.ENTRY,
    "char_lm": char_lm.ENTRY,
    "copy_memory": copy_memory.ENTRY,
    "delayed_recall": delayed_recall.ENTRY,
    "dyck": dyck.ENTRY,
    "hello": hello.ENTRY,
    "parity": parity.ENTRY,
    "pixel_mnist": pixel_mnist.ENTRY,
    "temporal_order": temporal_order.ENTRY,
    "word_order": word_order.ENTRY,
}
