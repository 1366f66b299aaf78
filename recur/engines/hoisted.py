# SPDX-License-Identifier: Apache-2.0
"""Compute everything that does not depend on the state before the loop."""

import jax

from recur.engine import Engine
from recur.jaxpr import split_step


def _run(cell, params, state, xs, *, reverse):
    us = cell.project(params, xs)
    parts = split_step(cell, params, state, us)
    weights = parts.make_weights(params)

    def step(state, inputs):
        return parts.run(weights, state, inputs)[:2]

    inputs = jax.vmap(parts.make_inputs, (None, 0))(weights, us)
    return jax.lax.scan(step, state, inputs, reverse=reverse)


hoisted = Engine(_run)
"""Evaluate the equations of a step that depend on parameters or inputs alone before the
loop, and run the recurrent equations in `jax.lax.scan`. It works on any cell and any T. A
slice of a weight, for example, is cut once and not at every step.

Its forward steps are the shortest of all engines; its reverse pass adds an outer product
to the gradient of a weight at every step. This suits one narrow sequence, where starting
the kernels takes most of the time of a step.
"""
