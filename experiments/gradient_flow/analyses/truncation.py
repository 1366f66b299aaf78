# SPDX-License-Identifier: Apache-2.0
"""The bias of truncated backpropagation."""

import numpy as np

from experiments.gradient_flow.panel import Lines, Panels
from experiments.gradient_flow.probe import Probe
from recur import flow


def truncation(probe: Probe) -> Panels:
    """Cosine and norm of the truncated gradient, by truncation length."""
    steps = probe.steps
    lengths = [n for n in map(int, probe.lab.lengths.split(",")) if n < steps] + [steps]

    def look(view):
        found = flow.truncation(view.cell, view.params, view.xs, view.loss, lengths)
        return found.cosine, found.ratio

    cosine, ratio = probe.each(look)
    curves = {"cosine with the full gradient": cosine, "norm / that of the full": ratio}
    return {"truncated": Lines(np.array(lengths), curves, "steps kept", "", log_x=True)}
