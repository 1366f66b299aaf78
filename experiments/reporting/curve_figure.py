# SPDX-License-Identifier: Apache-2.0
"""A curve over held-out sequences after training, as accuracy against length."""

import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import jax
import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.benchmarks.base import Benchmark
from experiments.launch.plan import Plan
from experiments.networks.sequence import Network
from experiments.reporting import figures
from experiments.reporting.drawing import STYLE, band, colours, save, write_csv
from experiments.runs.directory import Run
from experiments.training.cell_result import Outcome
from experiments.training.trainer import keys_of


NAME = "profile"
"""The stem of its files."""


def make_profile(
    network: Network, benchmark: Benchmark, batch_size: int
) -> Callable[[Any, jax.Array], jax.Array] | None:
    """`(params, seed) -> [N]` on the sequences of evaluations; None if there is none."""
    profile = benchmark.profile
    if profile is None:
        return None

    def measure(params, seed):
        batch = benchmark.examined(keys_of(seed).held_out, batch_size)
        return profile.of(network.bind(params)(batch.inputs), batch)

    return measure


def draw(plan: Plan, run: Run, outcomes: Mapping[str, Outcome]) -> None:
    """Write the figure and its CSV, if the benchmark has a profile."""
    profile = plan.benchmark.profile
    found = {c: o.profile for c, o in outcomes.items() if o.profile is not None}
    if profile is None or not found:
        return
    head = ["cell", "seed", profile.across, profile.upwards]
    write_csv(run.figures / f"{NAME}.csv", head, _rows(found))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.9), layout="constrained")
        ax = figure.subplots()
        shades = colours(plan.cells)
        for cell, values in found.items():
            band(ax, np.arange(values.shape[1]), values, shades[cell], "-")
        ax.axhline(profile.chance, color="0.3", linewidth=0.8, linestyle=":")
        ax.set_xlabel(profile.across)
        ax.set_ylabel(profile.upwards)
        figure.suptitle(textwrap.fill(figures.task(plan), figures.WIDE), fontsize=9)
        labels = [figures.label(cell, plan) for cell in found]
        handles = [
            Line2D([], [], color=shades[cell], label=label)
            for cell, label in zip(found, labels, strict=True)
        ]
        chance = Line2D([], [], color="0.3", linestyle=":", label="without memory")
        figure.legend(handles=[*handles, chance], loc="outside lower center", fontsize=8)
        save(figure, run.figures / NAME)


def _rows(found: Mapping[str, np.ndarray]):
    for cell, values in found.items():
        for seed, place in np.ndindex(*values.shape):
            if np.isfinite(values[seed, place]):
                yield cell, seed, place, f"{values[seed, place]:.6g}"
