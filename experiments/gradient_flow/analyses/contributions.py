# SPDX-License-Identifier: Apache-2.0
"""The gradient of the parameters, step by step."""

import numpy as np

from experiments.gradient_flow.panel import Lines, Panels
from experiments.gradient_flow.probe import Probe
from experiments.runs.checkpoint import named_leaves
from recur import flow


def contributions(probe: Probe) -> Panels:
    """Norm and cosine of what each time step contributes, for every parameter."""

    def look(view):
        found = flow.contributions(view.cell, view.params, view.xs, view.loss)
        return named_leaves(found.log10_norm), named_leaves(found.cosine)

    norms, cosines = probe.each(look)
    steps = np.arange(probe.steps)
    label = r"$\log_{10}\,\Vert g_t\Vert_2$"
    return {
        "norm": Lines(steps, norms, "time step", label),
        "direction": Lines(steps, cosines, "time step", "cosine of $g_t$ with the sum"),
    }
