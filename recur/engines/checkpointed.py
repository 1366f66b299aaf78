# SPDX-License-Identifier: Apache-2.0
"""Store sqrt(T) states and recompute the others in the reverse pass."""

import functools
import math

import jax

from recur.engine import Engine
from recur.engines.chunked.chunks import chunk_size, over_chunks


def _run(cell, params, state, xs, *, reverse):
    def run(state, xs):
        us = cell.project(params, xs)
        step = functools.partial(cell.step, params)
        return jax.lax.scan(step, state, us, reverse=reverse)

    root = max(1, math.isqrt(len(jax.tree.leaves(xs)[0])))
    size = chunk_size(len(jax.tree.leaves(xs)[0]), root)
    # CSE cannot merge the recomputation with the first pass inside of a scan.
    recomputed = jax.checkpoint(run, prevent_cse=False)
    return over_chunks(recomputed, state, xs, size=size, reverse=reverse)


checkpointed = Engine(_run)
"""Run time in chunks of sqrt(T) steps and store only the states between chunks. The
reverse pass recomputes each chunk, its projection included. Memory for states grows with
sqrt(T); the time grows by about one forward pass. It works on any cell and any T.

Paper: Chen et al., "Training deep nets with sublinear memory cost", 2016.
"""
