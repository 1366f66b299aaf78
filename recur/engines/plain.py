# SPDX-License-Identifier: Apache-2.0
"""The reference engine: project all inputs, then `jax.lax.scan`."""

import functools
from collections.abc import Callable
from typing import Any

import jax

from recur.engine import Engine


def plain(scan: Callable[..., Any]) -> Engine:
    """Make an engine of a function with the signature of `jax.lax.scan`.

    Args:
      scan: `(step, state, us, reverse=...) -> (state, ys)`.
    """

    def run(cell, params, state, xs, *, reverse):
        us = cell.project(params, xs)
        return scan(functools.partial(cell.step, params), state, us, reverse=reverse)

    return Engine(run)


scan = plain(jax.lax.scan)
"""The readable loop, which other engines are tested and measured against."""
