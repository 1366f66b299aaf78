# SPDX-License-Identifier: Apache-2.0
"""What theory predicts for a network as it stands: laws of its weights and biases."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from experiments.gradient_flow.probe import Probe, View
from recur import flow


class Law(NamedTuple):
    """A predicted lag curve.

    Attributes:
      leaf: the part of the state that it is about.
      name: of the law, for legends.
      curve: `[T]` log10 by lag, 0 at lag 0.
    """

    leaf: str
    name: str
    curve: np.ndarray


def laws_of(probe: Probe) -> list[Law]:
    """The laws of a cell, for its first seed; none where none is known."""
    make = LAWS.get(probe.name)
    if make is None:
        return []
    view = probe.view(probe.params[0], 0)
    return make(view, probe)


def _tanh_network(view: View, probe: Probe) -> list[Law]:
    """Mean field, from the variances that the weights and inputs have; and the bound."""
    if probe.settings.get(f"{probe.name}.activation", "tanh") != "tanh":
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


def _gate(leaf: str, block: int, sign: float) -> Callable[[View, Probe], list[Law]]:
    """What a gate carries whose bias is that block of b, the sign what opens it."""

    def make(view, probe):
        del probe
        if view.params.b is None:
            return []
        blocks = view.params.w_h.shape[1] // view.params.w_h.shape[0]
        bias = sign * view.params.b.reshape(blocks, -1)[block]
        curve = np.asarray(flow.gate_curve(bias, jnp.arange(len(view.xs))))
        return [Law(leaf, "sigma(b)^k, gate by its bias alone", curve)]

    return make


LAWS: dict[str, Callable[[View, Probe], list[Law]]] = {
    "rnn": _tanh_network,
    "lstm": _gate("c", 1, 1.0),
    "gru": _gate("h", 0, -1.0),
}
"""Cell -> what theory says of it."""
