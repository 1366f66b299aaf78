# SPDX-License-Identifier: Apache-2.0
"""The engine that is used where none is named."""

import math

import jax
import jax.numpy as jnp

from recur.engine import Engine
from recur.engines.chunked import chunked
from recur.engines.hoisted import hoisted
from recur.engines.plain import scan


SHORT = 8
"""Time steps below which there is nothing to gain from a chunk."""

NARROW = 40_000
"""Parameters of a cell up to which a single sequence is better off without chunks: an LSTM
or GRU of 64 units, an RNN of 128."""


def choose(platform: str, steps: int, batch: tuple[int, ...], parameters: int) -> Engine:
    """The rule.

    On a CPU `chunked`, but for one sequence and a narrow cell `hoisted`: over the shapes
    and cells of `python -m experiments.speed` their train steps take less time than those
    of the plain scan, or the same, forward and backward; what was measured is in BUILD.md.
    Elsewhere the plain scan, because on no other platform have they been measured.

    Args:
      platform: as `jax.default_backend()`.
      steps: T.
      batch: *B. Without a batch axis there may well be one that `jax.vmap` hides.
      parameters: how many numbers they are.
    """
    if platform != "cpu" or steps < SHORT:
        return scan
    alone = len(batch) > 0 and math.prod(batch) == 1
    return hoisted if alone and parameters <= NARROW else chunked


def _run(cell, params, state, xs, *, reverse):
    steps, *batch = jax.tree.leaves(xs)[0].shape[:-1]
    parameters = sum(jnp.size(leaf) for leaf in jax.tree.leaves(params))
    engine = choose(jax.default_backend(), steps, tuple(batch), parameters)
    return engine.run(cell, params, state, xs, reverse=reverse)


auto = Engine(_run)
"""The fastest exact engine known for the platform and the shape, by `choose`."""
