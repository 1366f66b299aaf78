# SPDX-License-Identifier: Apache-2.0
"""Gates over time, and the half-lives that they imply."""

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
        valid = view.site.valid
        where = None if valid is None else valid[..., None]
        means = {n: v.mean((1, 2), where=where) for n, v in found.values.items()}
        shares = {name: _fractions(v, valid) for name, v in found.values.items()}
        half_lives = {
            leaf: jax.numpy.sort(flow.retention_half_life(kept, valid))
            for leaf, kept in by_leaf(found.retention).items()
        }
        return means, shares, half_lives

    means, shares, half_lives = probe.each(look)
    steps = np.arange(probe.steps)
    units = max(h.shape[-1] for h in half_lives.values())
    carried = {
        leaf: np.log10(steps)
        for leaf, steps in half_lives.items()
        if (steps > 0).any() and steps.shape[-1] == units
    }
    notes = [
        f"{name}: {low:.0%} of the time below {SATURATED}, {high:.0%} above "
        f"{1 - SATURATED}"
        for name, (low, high) in ((n, v.mean(0)) for n, v in shares.items())
    ]
    panels = {
        "mean": Lines(steps, means, "time step", "mean of a gate", notes=notes),
        "half-life of a unit": Lines(
            np.arange(units), carried, "unit, in order", r"$\log_{10}$ steps"
        ),
    }
    return {title: panel for title, panel in panels.items() if panel.curves}


def _fractions(values, valid):
    closed, opened = flow.saturation(values, valid)
    return jax.numpy.stack([closed.mean(), opened.mean()])
