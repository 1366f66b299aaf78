# SPDX-License-Identifier: Apache-2.0
"""The `Engine` contract: how to run the loop over time, given the cell."""

from typing import Any, NamedTuple, Protocol

import jax

from recur.cell import Cell, Params, State


class Run(Protocol):
    """The function of an engine: project all inputs and run the loop.

    `xs` is the input of `cell.project`: `[T, *B, I]`, or a tuple with flags for a cell
    that is wrapped by `masked` or `resettable`.
    """

    def __call__(
        self, cell: Cell, params: Params, state: State, xs: Any, *, reverse: bool
    ) -> tuple[State, jax.Array]:
        """Return `(state, ys)` as `recur.unroll` does."""


class Engine(NamedTuple):
    """A loop over time. It is given the cell, where `jax.lax.scan` is given a step only.

    Attributes:
      run: a `Run` with the values and gradients of the plain scan.
    """

    run: Run
