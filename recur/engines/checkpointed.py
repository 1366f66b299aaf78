# SPDX-License-Identifier: Apache-2.0
"""The loop that remembers the square root of what it passes."""

import functools
import math

import jax
import jax.numpy as jnp

from recur.unroll import Engine


def _run(cell, params, state, xs, *, reverse):
    steps = len(jax.tree.leaves(xs)[0])
    chunk = _chunk(steps)
    whole = steps - steps % chunk

    def run(state, xs):
        us = cell.project(params, xs)
        step = functools.partial(cell.step, params)
        return jax.lax.scan(step, state, us, reverse=reverse)

    def run_chunks(state):
        chunks = jax.tree.map(lambda x: _cut(x[:whole], chunk), xs)
        # Inside a scan nothing can be merged with the first pass, so CSE may stay on.
        again = jax.checkpoint(run, prevent_cse=False)
        state, ys = jax.lax.scan(again, state, chunks, reverse=reverse)
        return state, ys.reshape(whole, *ys.shape[2:])

    if whole == steps:
        return run_chunks(state)
    rest = jax.tree.map(lambda x: x[whole:], xs)
    if reverse:
        state, last = run(state, rest)
        state, ys = run_chunks(state)
    else:
        state, ys = run_chunks(state)
        state, last = run(state, rest)
    return state, jnp.concatenate([ys, last])


def _chunk(steps):
    """sqrt(T), or a divisor of T not far below it: a remainder costs a copy of xs."""
    root = max(1, math.isqrt(steps))
    divisors = (size for size in range(root, root // 2, -1) if steps % size == 0)
    return next(divisors, root)


def _cut(x, chunk):
    return x.reshape(-1, chunk, *x.shape[1:])


checkpointed = Engine(_run)
"""Time in chunks of sqrt(T) steps: only the state between two chunks is stored, and the
reverse pass runs each chunk, projection included, once more. The states stored grow
with sqrt(T), the time by about one forward pass. Any cell, any T.

Paper: Chen et al., "Training deep nets with sublinear memory cost", 2016.
"""
