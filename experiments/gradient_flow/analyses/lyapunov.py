# SPDX-License-Identifier: Apache-2.0
"""Lyapunov exponents along the sequences of a task."""

import numpy as np

from experiments.gradient_flow.panel import Lines, Panels
from experiments.gradient_flow.probe import Probe, state_size
from recur import flow


COUNT = 32
"""Exponents computed, from the largest."""

SHOWN = 3
"""Exponents whose convergence is drawn."""


def lyapunov(probe: Probe) -> Panels:
    """The spectrum and its convergence, the mean over the batch."""

    def look(view):
        count = min(COUNT, state_size(view))
        found = flow.lyapunov(view.cell, view.params, view.xs, count)
        return found.exponents.mean(0), found.running.mean(1)

    exponents, running = probe.each(look)
    index = np.arange(1, exponents.shape[-1] + 1)
    steps = np.arange(1, running.shape[1] + 1)
    shown = range(min(SHOWN, exponents.shape[-1]))
    curves = {rf"$\lambda_{i + 1}$": running[..., i] for i in shown}
    label = "exponent (nats/step)"
    return {
        "spectrum": Lines(index, {r"$\lambda_i$": exponents}, "i", label),
        "convergence": Lines(steps, curves, "steps averaged", label),
    }
