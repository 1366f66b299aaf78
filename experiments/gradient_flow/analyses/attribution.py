# SPDX-License-Identifier: Apache-2.0
"""Which inputs each prediction depends on."""

import jax.numpy as jnp
import numpy as np

import recur
from experiments.gradient_flow.panel import Map, Panels
from experiments.gradient_flow.probe import Probe
from recur import flow


def attribution(probe: Probe) -> Panels:
    """log10 |d ln p(target_t) / d x_s| over one sequence of each seed, the mean of seeds."""

    def look(view):
        targets = view.batch.targets[:, :1]

        def log_p(xs):
            _, hs = recur.unroll(view.cell, view.params, xs[:, None])
            return -probe.benchmark.loss(view.model.logits(hs), targets)[:, 0]

        return jnp.log10(flow.attribution(log_p, view.xs[:, 0]).norm)

    found = probe.each(look)
    with np.errstate(invalid="ignore"):
        mean = np.where(np.isfinite(found).all(0), found.mean(0), -np.inf)
    label = r"$\log_{10}\,|\mathrm{d}\ln p_t/\mathrm{d}x_s|$"
    return {"predictions by inputs": Map(mean, "input s", "prediction t", label)}
