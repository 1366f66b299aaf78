# SPDX-License-Identifier: Apache-2.0
"""Compare numbers of papers with the same numbers measured here."""

from pathlib import Path
from typing import NamedTuple

from experiments.reporting.summary_file import read_summary, results_of


HERE = Path(__file__).parent


class PublishedNumber(NamedTuple):
    """A number of a paper, and where its counterpart is.

    Attributes:
      task: the benchmark and the quantity.
      cell: the cell.
      published: the number, with its source.
      folder: folder of the run measured here.
      key: key of the number in the results of that run.
    """

    task: str
    cell: str
    published: str
    folder: str
    key: str


COPY = "copy memory, T = 1000: loss, chance 0.020387"
ADDING = "adding, T = 600: squared error, chance 0.1667"
SEQUENTIAL = "sequential MNIST: accuracy"
PERMUTED = "permuted MNIST: accuracy"
SHAKESPEARE = "Tiny Shakespeare: best validation, nats"
CHRONO = "copy memory, two symbols, lag 100: loss over chance"

NUMBERS = tuple(PublishedNumber(*row) for row in (
    (COPY, "rnn", "0.0202 (Bai 2018)", "copy_memory_bai", "final_loss"),
    (COPY, "gru", "0.0197 (Bai 2018)", "copy_memory_bai", "final_loss"),
    (COPY, "lstm", "0.0204 (Bai 2018)", "copy_memory_bai_lstm", "final_loss"),
    (ADDING, "rnn", "0.177 (Bai 2018)", "adding_bai", "final_loss"),
    (ADDING, "lstm", "0.164 (Bai 2018)", "adding_bai", "final_loss"),
    (ADDING, "gru", "5.3e-5 (Bai 2018)", "adding_bai", "final_loss"),
    (SEQUENTIAL, "lstm", "0.872 (Bai 2018)", "pixel_mnist_sequential", "accuracy"),
    (SEQUENTIAL, "gru", "0.962 (Bai 2018)", "pixel_mnist_sequential", "accuracy"),
    (PERMUTED, "lstm", "0.857 (Bai 2018)", "pixel_mnist_permuted", "accuracy"),
    (PERMUTED, "gru", "0.873 (Bai 2018)", "pixel_mnist_permuted", "accuracy"),
    (SHAKESPEARE, "lstm", "1.558 (plain Flax)", "tiny_shakespeare", "best_loss"),
    (f"{SHAKESPEARE}, rate 0.005", "lstm", "the same", "tiny_shakespeare_lstm", "best_loss"),
    (SHAKESPEARE, "gru", "1.545 (plain Flax)", "tiny_shakespeare", "best_loss"),
    (SHAKESPEARE, "rnn", "none", "tiny_shakespeare", "best_loss"),
    (f"{CHRONO}, chrono", "lstm", "solved (Tallec 2018)", "copy_memory_chrono",
     "loss_over_baseline"),
    (f"{CHRONO}, forget bias 1", "lstm", "stuck at 1 (Tallec 2018)",
     "copy_memory_forget_bias", "loss_over_baseline"),
))  # fmt: skip
"""In the order of the table."""


def lines() -> list[list[str]]:
    """A head, then a line for each number."""
    table = [["what", "cell", "parameters", "published", "here", "minutes"]]
    for number in NUMBERS:
        summary = read_summary(HERE / number.folder / "summary.json")
        results = [r for r in results_of(summary) if r["cell"] == number.cell]
        values = [result[number.key] for result in results]
        minutes = sum(result["seconds"] for result in results) / 60
        mean = sum(values) / len(values)
        table.append([
            number.task, number.cell, f"{results[0]['parameters']:,}", number.published,
            f"{mean:.4g}", f"{minutes:.0f}",
        ])  # fmt: skip
    return table
