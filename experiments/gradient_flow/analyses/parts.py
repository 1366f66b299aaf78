# SPDX-License-Identifier: Apache-2.0
"""Adjoints over time in parts."""

from typing import Any

import numpy as np

from experiments.gradient_flow.analyses.lags import LABEL
from experiments.gradient_flow.panel import Lines, Panels
from experiments.gradient_flow.probe import Probe
from experiments.training.lag_curves import by_leaf
from recur import flow


def parts(probe: Probe) -> Panels:
    """Total, direct and recurrent adjoints of each leaf, and the adjoint of each gate."""

    def norms(scaled):
        return flow.log10_norms(scaled)

    def look(view):
        _, _, found = flow.parts(view.cell, view.params, view.xs, view.loss)
        state = {
            f"{leaf} {kind}": flow.by_lag(value)[::-1]
            for kind, scaled in _kinds(found).items()
            for leaf, value in by_leaf(norms(scaled)).items()
        }
        named = {name: flow.by_lag(norms(v))[::-1] for name, v in found.gates.items()}
        return state, named, {"x": flow.by_lag(norms(found.inputs))[::-1]}

    state, named, inputs = probe.each(look)
    steps = np.arange(probe.steps)
    panels = {
        "states": Lines(steps, state, "time step", LABEL),
        "pre-activations and inputs": Lines(
            steps, named | inputs, "time step", LABEL.replace("s", "v", 1)
        ),
    }
    return panels


def _kinds(found: flow.Parts) -> dict[str, Any]:
    return {"total": found.total, "direct": found.direct, "recurrent": found.recurrent}
