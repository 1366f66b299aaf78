# SPDX-License-Identifier: Apache-2.0
"""Gates over time, and the memory horizons that they imply."""

import jax
import numpy as np

from experiments.gradient_flow.panel import Lines, Panels
from experiments.gradient_flow.probe import Probe
from experiments.training.lag_curves import by_leaf
from recur import flow
from recur.flow.gates import SATURATED


def gates(probe: Probe) -> Panels:
    """The mean of each gate over time, its saturation, and half-lives unit by unit."""

    def look(view):
        found = flow.gates(view.cell, view.params, view.xs)
        means = {name: v.mean((1, 2)) for name, v in found.values.items()}
        spread = {name: _fractions(v) for name, v in found.values.items()}
        horizons = {
            leaf: jax.numpy.sort(flow.retention_half_life(kept))
            for leaf, kept in by_leaf(found.retention).items()
        }
        return means, spread, horizons

    means, spread, horizons = probe.each(look)
    steps = np.arange(probe.steps)
    units = max(h.shape[-1] for h in horizons.values())
    carried = {
        leaf: np.log10(steps)
        for leaf, steps in horizons.items()
        if (steps > 0).any() and steps.shape[-1] == units
    }
    notes = [
        f"{name}: {low:.0%} of the time below {SATURATED}, {high:.0%} above "
        f"{1 - SATURATED}"
        for name, (low, high) in ((n, v.mean(0)) for n, v in spread.items())
    ]
    panels = {
        "mean": Lines(steps, means, "time step", "mean of a gate", notes=notes),
        "half-life of what a unit carries": Lines(
            np.arange(units), carried, "unit, in order", r"$\log_{10}$ steps"
        ),
    }
    return {title: panel for title, panel in panels.items() if panel.curves}


def _fractions(values):
    closed, opened = flow.saturation(values)
    return jax.numpy.stack([closed.mean(), opened.mean()])
