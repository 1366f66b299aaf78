# SPDX-License-Identifier: Apache-2.0
"""What papers report, beside what was had here."""

import json
from pathlib import Path
from typing import NamedTuple


HERE = Path(__file__).parent


class Claim(NamedTuple):
    """A number that somebody published.

    Attributes:
      task: what it is of.
      cell: whose.
      published: the number, with its source.
      folder: the published run.
      key: in its summary.
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

CLAIMS = (
    Claim(COPY, "rnn", "0.0202 (Bai 2018)", "copy_memory_bai", "final_loss"),
    Claim(COPY, "gru", "0.0197 (Bai 2018)", "copy_memory_bai", "final_loss"),
    Claim(COPY, "lstm", "0.0204 (Bai 2018)", "copy_memory_bai_lstm", "final_loss"),
    Claim(ADDING, "rnn", "0.177 (Bai 2018)", "adding_bai", "final_loss"),
    Claim(ADDING, "lstm", "0.164 (Bai 2018)", "adding_bai", "final_loss"),
    Claim(ADDING, "gru", "5.3e-5 (Bai 2018)", "adding_bai", "final_loss"),
    Claim(SEQUENTIAL, "lstm", "0.872 (Bai 2018)", "pixel_mnist_sequential", "accuracy"),
    Claim(SEQUENTIAL, "gru", "0.962 (Bai 2018)", "pixel_mnist_sequential", "accuracy"),
    Claim(PERMUTED, "lstm", "0.857 (Bai 2018)", "pixel_mnist_permuted", "accuracy"),
    Claim(PERMUTED, "gru", "0.873 (Bai 2018)", "pixel_mnist_permuted", "accuracy"),
    Claim(SHAKESPEARE, "lstm", "1.558 (plain Flax)", "tiny_shakespeare", "best_loss"),
    Claim(f"{SHAKESPEARE}, rate 0.005", "lstm", "the same", "tiny_shakespeare_lstm",
          "best_loss"),
    Claim(SHAKESPEARE, "gru", "1.545 (plain Flax)", "tiny_shakespeare", "best_loss"),
    Claim(SHAKESPEARE, "rnn", "none", "tiny_shakespeare", "best_loss"),
    Claim(f"{CHRONO}, chrono", "lstm", "solved (Tallec 2018)", "copy_memory_chrono",
          "loss_over_baseline"),
    Claim(f"{CHRONO}, forget bias 1", "lstm", "stuck at 1 (Tallec 2018)",
          "copy_memory_forget_bias", "loss_over_baseline"),
)  # fmt: skip
"""In the order of the table."""


def lines() -> list[list[str]]:
    """A head, then a line for each claim whose run is published."""
    table = [["what", "cell", "parameters", "published", "here", "minutes"]]
    for claim in CLAIMS:
        path = HERE / claim.folder / "summary.json"
        summary = json.loads(path.read_text(encoding="utf-8"))
        runs = [run for run in summary["runs"] if run["cell"] == claim.cell]
        values = [run[claim.key] for run in runs]
        minutes = sum(run["seconds"] for run in runs) / 60
        mean = sum(values) / len(values)
        table.append([
            claim.task, claim.cell, f"{runs[0]['parameters']:,}", claim.published,
            f"{mean:.4g}", f"{minutes:.0f}",
        ])  # fmt: skip
    return table
