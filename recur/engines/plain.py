# SPDX-License-Identifier: Apache-2.0
"""The reference: all inputs projected at once, then `jax.lax.scan`."""

import functools
from collections.abc import Callable
from typing import Any

import jax

from recur.engine import Engine


def plain(scan: Callable[..., Any]) -> Engine:
    """The engine of a loop that has the signature of `jax.lax.scan`."""

    def run(cell, params, state, xs, *, reverse):
        us = cell.project(params, xs)
        return scan(functools.partial(cell.step, params), state, us, reverse=reverse)

    return Engine(run)


scan = plain(jax.lax.scan)
"""The readable loop, the one that all others are measured and tested against."""
