# SPDX-License-Identifier: Apache-2.0
"""Products of step Jacobians."""

import numpy as np

from experiments.gradient_flow.panel import Lines, Panels
from experiments.gradient_flow.probe import Probe, state_size
from recur import flow
from recur.flow.jacobian import EXACT


COUNT = 4
"""Singular values shown."""


def jacobians(probe: Probe) -> Panels:
    """Singular values by lag and spectral radii, of one sequence of each seed.

    A state wider than `EXACT` has its whole window alone, without matrices.
    """
    window = probe.window
    label = r"$\log_{10}\,\sigma_i$ of $\mathrm{d}s_T/\mathrm{d}s_{T-k}$"
    narrow = state_size(next(probe.views())) <= EXACT

    def product(view):
        arguments = view.cell, view.params, view.first_sequence
        if narrow:
            return flow.singular_values_by_lag(*arguments, COUNT)[:window].T
        return flow.window_singular_values(*arguments, window, COUNT)[:, None]

    def radius(view):
        jacobians = flow.step_jacobians(view.cell, view.params, view.first_sequence)
        return flow.spectral_radius(jacobians[-window:])

    values = probe.each(product)
    lags = np.arange(values.shape[-1]) if narrow else np.array([window])
    curves = {f"singular value {i + 1}": values[:, i] for i in range(values.shape[1])}
    found = {"product": Lines(lags, curves, "lag k (steps)", label)}
    if narrow:
        steps = np.arange(probe.steps)[-window:]
        radii = {"spectral radius": probe.each(radius)}
        found["each step"] = Lines(steps, radii, "time step", "spectral radius")
    return found
