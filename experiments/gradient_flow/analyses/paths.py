# SPDX-License-Identifier: Apache-2.0
"""Gradient through one path alone."""

import numpy as np

from experiments.gradient_flow.analyses.lags import LABEL
from experiments.gradient_flow.panel import Lines, Panels
from experiments.gradient_flow.probe import Probe, path_names
from experiments.training.lag_curves import lag_curve


def paths(probe: Probe) -> Panels:
    """Lag curves of the whole gradient, and of the gradient through each path alone."""
    chosen: dict[str, tuple[str, ...] | None] = {"all": None}
    chosen |= {name: (name,) for name in path_names(probe)}
    if probe.lab.paths:
        chosen[" + ".join(probe.lab.paths)] = probe.lab.paths

    def look(view):
        return {name: lag_curve(view.site, through) for name, through in chosen.items()}

    found = probe.each(look)
    steps = np.arange(probe.steps)
    leaves = list(found["all"])
    return {
        f"s = {leaf}": Lines(
            steps, {name: found[name][leaf] for name in chosen}, "lag (steps)", LABEL
        )
        for leaf in leaves
    }
