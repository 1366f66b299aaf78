# SPDX-License-Identifier: Apache-2.0
"""GRU against LSTM on four benchmarks: at equal width, and at equal parameters."""

import json
from pathlib import Path


HERE = Path(__file__).parent

FOLDERS = {
    "adding": ("adding_lstm_64", "adding_gru_64", "adding_gru_75"),
    "delayed_recall": (
        "delayed_recall_lstm_64",
        "delayed_recall_gru_64",
        "delayed_recall_gru_75",
    ),
    "pixel_mnist, by rows": (
        "pixel_mnist_lstm_64",
        "pixel_mnist_gru_64",
        "pixel_mnist_gru_75",
    ),
    "char_lm, python_docs": ("char_lm_lstm_128", "char_lm_gru_128", "char_lm_gru_150"),
}
"""Benchmark -> the LSTM, the GRU as wide, the GRU of as many parameters."""

SORTS = ("lstm", "gru, equal width", "gru, equal parameters")


def lines() -> list[list[str]]:
    """A head, then a line for each run; the runs had the same core, one after the other."""
    table = [["benchmark", "cell", "H", "parameters", "ms a step", "loss", "measure"]]
    for benchmark, folders in FOLDERS.items():
        for sort, folder in zip(SORTS, folders, strict=True):
            text = (HERE / folder / "summary.json").read_text(encoding="utf-8")
            summary = json.loads(text)
            (run,) = summary["runs"]
            metric = next(iter(summary["chance"]))
            table.append([
                benchmark, sort, folder.rpartition("_")[2], f"{run['parameters']:,}",
                f"{1000 / run['steps_per_second']:.3g}", f"{run['final_loss']:.4g}",
                f"{metric.replace('_', ' ')} {run[metric]:.4g}",
            ])  # fmt: skip
    return table
