# SPDX-License-Identifier: Apache-2.0
"""The default engine: choose one by platform and shapes."""

import math

import jax
import jax.numpy as jnp

from recur.engine import Engine
from recur.engines.chunked import chunked
from recur.engines.hoisted import hoisted
from recur.engines.plain import scan


SHORT = 8
"""Below this number of time steps chunks do not pay."""

NARROW = 40_000
"""Up to this number of parameters, that of an LSTM or GRU of about 64 units or an RNN of
128, `hoisted` is faster than `chunked` on a single sequence."""


def choose(platform: str, steps: int, batch: tuple[int, ...], parameters: int) -> Engine:
    """Choose an engine.

    On a CPU `chunked`, or `hoisted` for one sequence and a narrow cell. Over the shapes and
    cells of `python -m experiments.speed` a train step takes no longer with them than with
    the plain scan; BUILD.md has the measurements. On other platforms the plain scan, since
    the others have not been measured there.

    Args:
      platform: as `jax.default_backend()`.
      steps: T.
      batch: *B. An empty one does not count as a single sequence, because `jax.vmap` may
        hide a batch axis.
      parameters: the number of entries of all parameters.
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
"""The fastest exact engine known for the platform and the shapes, by `choose`."""
