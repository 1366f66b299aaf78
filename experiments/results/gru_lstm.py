# SPDX-License-Identifier: Apache-2.0
"""Compare GRU and LSTM on four benchmarks, at equal width and at equal parameters."""

from pathlib import Path

from experiments.reporting.summary_file import (
    metrics_of,
    read_summary,
    reported_loss,
    reported_name,
    results_of,
)


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
"""Benchmark -> folders of the LSTM, the GRU as wide, the GRU of as many parameters."""

CELLS = ("lstm", "gru, equal width", "gru, equal parameters")


def lines() -> list[list[str]]:
    """A head, then a line for each run; the runs had the same core, one after the other."""
    table = [["benchmark", "cell", "H", "parameters", "ms a step", "loss", "measure"]]
    for benchmark, folders in FOLDERS.items():
        for cell, folder in zip(CELLS, folders, strict=True):
            summary = read_summary(HERE / folder / "summary.json")
            (result,) = results_of(summary)
            metric = reported_name(summary, metrics_of(summary)[0])
            table.append([
                benchmark, cell, folder.rpartition("_")[2], f"{result['parameters']:,}",
                f"{1000 / result['steps_per_second']:.3g}",
                f"{reported_loss(summary, result):.4g}",
                f"{metric.replace('_', ' ')} {result[metric]:.4g}",
            ])  # fmt: skip
    return table
