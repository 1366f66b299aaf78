# SPDX-License-Identifier: Apache-2.0
"""The `Engine` contract: a way to run the loop over time that knows the cell."""

from typing import Any, NamedTuple, Protocol

import jax

from recur.cell import Cell, Params, State


class Run(Protocol):
    """What an engine does: project every step and run the loop.

    `xs` is what the `project` of the cell takes, which for a wrapped cell is a tuple.
    """

    def __call__(
        self, cell: Cell, params: Params, state: State, xs: Any, *, reverse: bool
    ) -> tuple[State, jax.Array]:
        """Return `(state, ys)` as `recur.unroll` does."""


class Engine(NamedTuple):
    """A way to run the loop that knows the cell, where `jax.lax.scan` knows its step.

    Attributes:
      run: equal to the plain scan in values and in gradients.
    """

    run: Run
