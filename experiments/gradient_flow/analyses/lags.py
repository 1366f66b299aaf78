# SPDX-License-Identifier: Apache-2.0
"""Lag curves of a network, with the slope that theory predicts."""

import numpy as np

from experiments.gradient_flow.panel import Lines, Panels
from experiments.gradient_flow.probe import Probe
from experiments.gradient_flow.theory_curves import laws_of
from experiments.training.lag_curves import lag_curve
from recur import flow


LABEL = r"$\log_{10}\,\Vert\mathrm{d}L/\mathrm{d}s\Vert_2$"


def lags(probe: Probe) -> Panels:
    """log10 norms of the adjoint by lag, for every leaf of the state."""
    curves = lag_curves(probe)
    steps = np.arange(probe.steps)
    theory, notes = {}, []
    for leaf, name, predicted in laws_of(probe):
        # A curve may begin at lag 1, where the loss does not read the leaf.
        theory[f"{leaf}: {name}"] = predicted - predicted[1] + curves[leaf][:, 1].mean()
        measured = float(np.mean(flow.slope(curves[leaf])))
        expected = float(flow.slope(predicted))
        notes.append(
            f"{leaf}: slope {measured:.4f} nats/step measured, {expected:.4f} by {name}, "
            f"difference {measured - expected:+.4f}"
        )
    return {"adjoints": Lines(steps, curves, "lag (steps)", LABEL, theory, notes=notes)}


def lag_curves(probe: Probe) -> dict[str, np.ndarray]:
    """`[S, T]` log10 norms by lag of each leaf, h first."""
    curves = probe.each(lambda view: lag_curve(view.site))
    return {"h": curves.pop("h"), **curves}
