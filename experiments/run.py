# SPDX-License-Identifier: Apache-2.0
"""One run: train every cell, then write figures, summary and report."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

from experiments.launch.plan import Plan
from experiments.reporting import (
    benchmark_curves_figure,
    flow_figure,
    gates_figure,
    learning_figure,
    report,
    summary,
    training_figure,
)
from experiments.reporting.heading import heading_of
from experiments.runs.atomic import write_whole
from experiments.runs.directory import Run
from experiments.runs.names import REPORT, SUMMARY
from experiments.training.cell import train_cell
from experiments.training.interrupts import deferred
from experiments.training.progress import Progress


CONCURRENT = 2 * (os.cpu_count() or 1)
"""Cells that are trained at the same time: while one compiles, the others compute."""


def run(plan: Plan, directory: Run, progress: Progress) -> summary.Summary:
    """Run a plan in a directory.

    Returns:
      The content of summary.json.

    Raises:
      Interrupted: a signal asked to stop; a checkpoint was saved.
    """
    started = time.monotonic()
    with deferred() as signalled, ThreadPoolExecutor(CONCURRENT) as threads:
        futures = {
            name: threads.submit(train_cell, name, plan, directory, progress, signalled)
            for name in plan.cells
        }
        results = {name: future.result() for name, future in futures.items()}
    for journal in (directory.journal, directory.flow, directory.samples):
        journal.sort(plan.cells)
    rows = directory.journal.read()
    summed = summary.summarize(plan, results, rows, time.monotonic() - started)
    _draw(plan, directory, results, rows)
    write_whole(directory.path / SUMMARY, summary.to_json(summed))
    write_whole(directory.path / REPORT, report.render(plan, directory, summed))
    return summed


def _draw(plan: Plan, directory: Run, results, rows) -> None:
    """Write every figure of a run, each with the CSV that it is drawn from."""
    heading, figures = heading_of(plan), directory.figures
    figures.mkdir(exist_ok=True)
    flow = {cell: result.flow for cell, result in results.items()}
    flow_figure.write(figures, flow, heading)
    learning_figure.write(figures, rows, plan.benchmark, heading)
    training_figure.write(figures, directory.flow, rows, plan.benchmark, heading)
    gates_figure.write(figures, directory.flow, plan.benchmark.steps, heading)
    curves = {cell: result.curves for cell, result in results.items()}
    benchmark_curves_figure.write(figures, curves, plan.benchmark.curves, heading)
