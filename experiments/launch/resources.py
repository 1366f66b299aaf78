# SPDX-License-Identifier: Apache-2.0
"""Whether a run fits: its batches in memory, and its streams in the data."""

import os

from experiments.benchmarks.base import Benchmark
from experiments.config.errors import Refusal
from experiments.config.settings import Model, Train


def check_fits(benchmark: Benchmark, model: Model, train: Train) -> None:
    """Refuse what would end in an allocation that fails, or in a text too short.

    Raises:
      Refusal: says the largest that fits.
    """
    numbers = benchmark.input_size + benchmark.output_size + 2 * model.hidden * model.layers
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    # Of a training step more is held than inputs, outputs, states and their gradients.
    needed = 4 * numbers * benchmark.steps * train.batch
    if needed > memory:
        most = memory // (4 * numbers * train.batch)
        raise Refusal(
            f"sequences of {benchmark.steps:,} steps in batches of {train.batch} need more "
            f"than {needed / 2**30:,.0f} GiB, and the machine has {memory / 2**30:,.0f}: at "
            f"most {most:,} steps fit, or a smaller --train.batch or --model.hidden"
        )
    if benchmark.streams is not None:
        try:
            benchmark.streams(train.batch)
        except ValueError as error:
            raise Refusal(f"--train.batch={train.batch}: {error}") from None
