# SPDX-License-Identifier: Apache-2.0
"""All that does not see the state, done once and before the loop."""

import jax

from recur.engine import Engine
from recur.engines.dissection import dissect


def _run(cell, params, state, xs, *, reverse):
    us = cell.project(params, xs)
    anatomy = dissect(cell, params, state, us)
    weights = anatomy.make_weights(params)

    def step(state, inputs):
        return anatomy.run(weights, state, inputs)[:2]

    inputs = jax.vmap(anatomy.make_inputs, (None, 0))(weights, us)
    return jax.lax.scan(step, state, inputs, reverse=reverse)


hoisted = Engine(_run)
"""What a step makes of the parameters alone, or of the input alone, is made before the
loop, then `jax.lax.scan` runs the rest. Any cell, any T; the step is taken apart by
`recur.engines.dissection`, so that a slice of a weight is cut once and not at every step.

Its steps are the shortest there are, its reverse pass adds an outer product to the
gradient of a weight at each: right for one narrow sequence, where a step is little more
than the start of its kernels.
"""
