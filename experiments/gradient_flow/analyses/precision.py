# SPDX-License-Identifier: Apache-2.0
"""One adjoint in several precisions."""

import numpy as np

from experiments.gradient_flow.analyses.lags import LABEL
from experiments.gradient_flow.panel import Lines, Panels
from experiments.gradient_flow.probe import Probe
from experiments.training.lag_curves import by_leaf
from recur import flow


def precision(probe: Probe) -> Panels:
    """Lag curves and errors in float64, float32 and bfloat16."""
    seeds = [
        flow.in_dtypes(view.cell, view.params, view.xs, view.loss) for view in probe.views()
    ]
    names = list(seeds[0])
    curves = {
        name: np.stack([by_leaf(seed[name].curves)["h"] for seed in seeds]) for name in names
    }
    with np.errstate(divide="ignore"):
        errors = {n: np.log10(np.stack([seed[n].error for seed in seeds])) for n in names}
    steps = np.arange(probe.steps)
    notes = [
        f"{name}: within 10% up to lag {min(seed[name].accurate_up_to for seed in seeds)}"
        for name in names
    ]
    return {
        "adjoint of h": Lines(steps, curves, "lag (steps)", LABEL, notes=notes),
        "error": Lines(steps, errors, "lag (steps)", r"$\log_{10}$ relative error"),
    }
