# SPDX-License-Identifier: Apache-2.0
"""Theoretical lag curves of a network, from its weights and biases.

Each law looks at what a cell computes, and applies to every cell that computes it.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.gradient_flow.probe import Probe, View
from experiments.training.lag_curves import by_leaf
from recur import flow


class Law(NamedTuple):
    """A predicted lag curve.

    Attributes:
      leaf: the part of the state.
      name: name of the law, for legends.
      curve: `[T]` log10 by lag, 0 at lag 0.
    """

    leaf: str
    name: str
    curve: np.ndarray


def laws_of(probe: Probe) -> list[Law]:
    """The laws that apply to a site, for its first seed."""
    view = probe.view(probe.params[0], 0)
    return [*_tanh_network(view), *_gates_by_bias(view)]


def _tanh_network(view: View) -> list[Law]:
    """Mean field theory and the bound on the norm, for h' = tanh(h W_h + u)."""
    if not _is_tanh_network(view):
        return []
    weights = view.params.w_h
    us = view.cell.project(view.params, view.xs)
    field = flow.mean_field(
        float(len(weights) * jnp.square(weights).mean()), float(jnp.square(us).mean())
    )
    lags = np.arange(len(view.xs))
    bound = float(flow.norm_bound(weights))
    return [
        Law("h", "mean field", lags * field.slope / math.log(10)),
        Law("h", "bound of Pascanu et al.", lags * bound / math.log(10)),
    ]


def _is_tanh_network(view: View) -> bool:
    """Whether a step of the cell equals tanh(h W_h + u) at a random state and input."""
    weights = getattr(view.params, "w_h", None)
    if weights is None or weights.ndim != 2 or weights.shape[0] != weights.shape[1]:
        return False
    h = jax.random.normal(jax.random.key(0), (weights.shape[0],), weights.dtype)
    us = view.cell.project(view.params, view.first_sequence)
    state = view.cell.initial_state(view.params, ())
    shapes = [getattr(leaf, "shape", None) for leaf in (us, state)]
    if shapes != [(len(view.xs), *h.shape), h.shape]:
        return False
    after = view.cell.step(view.params, h, us[0])[1]
    # A bfloat16 has 8 bits.
    return bool(jnp.allclose(after, jnp.tanh(h @ weights + us[0]), atol=0.02))


def _gates_by_bias(view: View) -> list[Law]:
    """sigma(b)^k: what a unit keeps over k steps if its gate has its bias as only input.

    Retention is taken at a zero state and a zero input; the law applies where it is
    strictly between 0 and 1.
    """
    blank = jnp.zeros_like(view.first_sequence[:1])
    kept = by_leaf(flow.gates(view.cell, view.params, blank).retention)
    lags = np.arange(len(view.xs))
    laws = []
    for leaf, retention in kept.items():
        fraction = np.asarray(retention[0], np.float64)
        if ((fraction > 0) & (fraction < 1)).all():
            bias = jnp.asarray(np.log(fraction) - np.log1p(-fraction))
            curve = np.asarray(flow.gate_curve(bias, lags))
            laws.append(Law(leaf, "sigma(b)^k, gate by its bias alone", curve))
    return laws
