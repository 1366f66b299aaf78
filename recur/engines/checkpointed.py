# SPDX-License-Identifier: Apache-2.0
"""The loop that remembers the square root of what it passes."""

import functools
import math

import jax

from recur.engine import Engine
from recur.engines.chunks import chunk_size, over_chunks


def _run(cell, params, state, xs, *, reverse):
    def run(state, xs):
        us = cell.project(params, xs)
        step = functools.partial(cell.step, params)
        return jax.lax.scan(step, state, us, reverse=reverse)

    root = max(1, math.isqrt(len(jax.tree.leaves(xs)[0])))
    size = chunk_size(len(jax.tree.leaves(xs)[0]), root)
    # Inside a scan nothing can be merged with the first pass, so CSE may stay on.
    again = jax.checkpoint(run, prevent_cse=False)
    return over_chunks(again, state, xs, size=size, reverse=reverse)


checkpointed = Engine(_run)
"""Time in chunks of sqrt(T) steps: only the state between two chunks is stored, and the
reverse pass runs each chunk, projection included, once more. The states stored grow
with sqrt(T), the time by about one forward pass. Any cell, any T.

Paper: Chen et al., "Training deep nets with sublinear memory cost", 2016.
"""
