# SPDX-License-Identifier: Apache-2.0
"""Which symbols open and close the gates."""

import warnings

import jax.numpy as jnp
import numpy as np

from experiments.gradient_flow.panel import Map, Panels
from experiments.gradient_flow.probe import Probe
from recur import flow


VISIBLE = {" ": "\N{OPEN BOX}", "\n": "\N{RETURN SYMBOL}"}
"""What stands for a symbol that cannot be seen."""


def symbols(probe: Probe) -> Panels:
    """The mean of each gate over units, by the symbol read; for tasks that read ids."""
    names = probe.benchmark.vocabulary
    if not names:
        return {}

    def look(view):
        values = flow.gates(view.cell, view.params, view.xs).values
        valid = view.site.valid
        # Padding counts as a symbol of its own, which is dropped.
        ids = view.batch.inputs
        read = ids if valid is None else jnp.where(valid, ids, len(names))
        return {
            name: jnp.nanmean(flow.by_symbol(value, read, len(names) + 1)[0][:-1], axis=1)
            for name, value in values.items()
        }

    found = probe.each(look)
    if not found:
        return {}
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # No seed read some symbols.
        means = np.stack([np.nanmean(value, axis=0) for value in found.values()])
        away = means - np.nanmean(means, axis=1, keepdims=True)
    notes = [
        f"{gate}: mean {mean.mean():.3f}, most open at {names[np.nanargmax(line)]!r} "
        f"({np.nanmax(line):+.3f}), most closed at {names[np.nanargmin(line)]!r} "
        f"({np.nanmin(line):+.3f})"
        for gate, mean, line in zip(found, np.nan_to_num(means), away, strict=True)
    ]
    # Some symbols of a text are not in these sequences.
    read = ~np.isnan(away).all(0)
    shown = tuple(VISIBLE.get(n, n) for n, here in zip(names, read, strict=True) if here)
    label = "mean of the gate, less that over all symbols"
    return {
        "by symbol": Map(
            away[:, read], "symbol read", "gate", label, shown, tuple(found), notes
        )
    }
