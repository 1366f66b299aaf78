# SPDX-License-Identifier: Apache-2.0
"""The `Cell` contract: a recurrent cell is four pure functions.

Shape letters, used in every docstring of the library:

* `T`: time steps. Time is always the leading axis.
* `*B`: batch, any number of axes, none included.
* `I`: input features.
* `H`: hidden units.
* `k`: gate blocks on a fused axis `kH`.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple, ParamSpec, TypeAlias

import jax


Params: TypeAlias = Any
"""Any pytree of arrays; by convention a NamedTuple."""

State: TypeAlias = Any
"""Any pytree of arrays `[*B, ...]`."""

Inputs: TypeAlias = Any
"""The output of `project`: any pytree of arrays `[T, *B, ...]`."""


class Cell(NamedTuple):
    """A recurrent cell: s_t, y_t = step(params, s_{t-1}, project(params, x)_t).

    By convention the output y_t is the first leaf of the new state, called h. The
    readout, from h to a prediction, belongs to the model. A cell treats the elements of
    its batch independently, as `vmap` over one element would.

    Attributes:
      init: `(key, input_size) -> params`.
      initial_state: `(params, batch_shape) -> state`, in the dtype of the parameters.
      project: `(params, xs [T, *B, I]) -> us`, the computation that does not depend on
        the state, for all time steps in parallel.
      step: `(params, state, u) -> (state, y [*B, H])`, one time step, with arguments and
        results in the order of `jax.lax.scan`.
    """

    init: Callable[[jax.Array, int], Params]
    initial_state: Callable[[Params, tuple[int, ...]], State]
    project: Callable[[Params, jax.Array], Inputs]
    step: Callable[[Params, State, Inputs], tuple[State, jax.Array]]


P = ParamSpec("P")


def factory(build: Callable[P, Cell]) -> Callable[P, Cell]:
    """Make a cell factory return the same `Cell` for the same arguments.

    `lstm(4) is lstm(hidden=4)`, so a cell can be a static argument of `jax.jit`
    without causing another trace.

    Args:
      build: the factory; its arguments must be hashable.
    """
    signature = inspect.signature(build)
    cells: dict[tuple[tuple[str, Any], ...], Cell] = {}

    @functools.wraps(build)
    def cached(*args: P.args, **kwargs: P.kwargs) -> Cell:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        key = tuple(bound.arguments.items())
        if key not in cells:
            cells[key] = build(*args, **kwargs)
        return cells[key]

    return cached


def check_hidden(name: str, hidden: int) -> None:
    """Check the number of hidden units.

    Raises:
      ValueError: `hidden` is not an integer of at least 1.
    """
    if isinstance(hidden, bool) or not isinstance(hidden, int) or hidden < 1:
        raise ValueError(f"{name}: hidden must be an integer >= 1, got {hidden!r}")
