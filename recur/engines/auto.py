# SPDX-License-Identifier: Apache-2.0
"""The engine that is used where none is named."""

import jax

from recur.engine import Engine
from recur.engines.chunked import chunked
from recur.engines.plain import scan


SHORT = 8
"""Time steps below which there is nothing to gain from a chunk."""


def choose(platform: str, steps: int) -> Engine:
    """The rule.

    On a CPU `chunked`: over the shapes and cells of `python -m experiments.speed` its
    train steps take less time than those of the plain scan, or the same, forward and
    backward; what was measured is in BUILD.md. Elsewhere the plain scan, because on no
    other platform has `chunked` been measured.

    Args:
      platform: as `jax.default_backend()`.
      steps: T.
    """
    return chunked if platform == "cpu" and steps >= SHORT else scan


def _run(cell, params, state, xs, *, reverse):
    engine = choose(jax.default_backend(), len(jax.tree.leaves(xs)[0]))
    return engine.run(cell, params, state, xs, reverse=reverse)


auto = Engine(_run)
"""The fastest exact engine known for the platform and the length, by `choose`."""
