# SPDX-License-Identifier: Apache-2.0
"""The inputs that each prediction depends on."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks.terms import one_term_each
from experiments.gradient_flow.panel import Map, Panels
from experiments.gradient_flow.probe import Probe
from experiments.training.lag_curves import flow_batch
from recur import flow
from recur.flow.adjoint import trajectory


def attribution(probe: Probe) -> Panels:
    """log10 |d loss_t / d x_s| over one sequence of each seed, the mean over seeds.

    loss_t is the term of the trained loss at step t, with its weight; a step without
    weight has no row.
    """

    def of_seed(arrays, params, seed):
        batch = flow_batch(probe.benchmark, arrays, seed, 1)
        site = probe.site_of(params, batch)

        def predict(xs):
            states = trajectory(site.cell, site.params, xs[:, None]).states
            weights = one_term_each(batch)
            loss = lambda w: probe.site_of(params, batch._replace(weights=w)).loss(states)
            return jax.vmap(loss)(weights)

        return jnp.log10(flow.attribution(predict, site.xs[:, 0]).norm)

    run = jax.jit(of_seed)
    found = np.stack([run(probe.arrays, p, s) for s, p in enumerate(probe.params)])
    with np.errstate(invalid="ignore"):
        mean = np.where(np.isfinite(found).all(0), found.mean(0), -np.inf)
    shown = np.isfinite(mean).any(1)
    names = tuple(str(step) for step in np.flatnonzero(shown)) if not shown.all() else ()
    label = r"$\log_{10}\,|\mathrm{d}L_t/\mathrm{d}x_s|$"
    kept = mean[shown] if shown.any() else mean
    return {"loss terms by inputs": Map(kept, "input s", "term t", label, y_names=names)}
