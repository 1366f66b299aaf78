# SPDX-License-Identifier: Apache-2.0
"""Load the cells of `--cells`: rows of `CELLS`, and `module:factory` of the user's own.

A cell of the user's own has the name of its factory in flags, figures, tables and files.
"""

import inspect
from collections.abc import Callable

import jax
import jax.numpy as jnp

from experiments.config.errors import UsageError, check_known
from experiments.launch.loading import load, one_line
from recur.cell import Cell
from recur.cells import CELLS
from recur.unroll import unroll


Factory = Callable[..., Cell]


def load_factories(text: str, benchmark: str) -> dict[str, Factory]:
    """Name -> factory for every cell of a comma-separated list.

    Args:
      text: as in `lstm,my_module:my_cell`.
      benchmark: name of the benchmark, which no cell may have.

    Raises:
      UsageError: a cell is unknown, named twice, cannot be imported, is no factory, or
        has a name that is taken.
    """
    factories: dict[str, Factory] = {}
    for word in text.split(","):
        _, colon, name = word.rpartition(":")
        if name in factories:
            raise UsageError(f"--cells={text} names a cell twice: name each once")
        if not colon:
            check_known("cell", word, CELLS)
        factories[name] = _external(word, benchmark) if colon else CELLS[word]
    return factories


def check_runs(name: str, cell: Cell) -> None:
    """Check that a cell of the user's own runs, before anything is compiled.

    Raises:
      UsageError: it is no cell, or one of its functions raises; gives the line.
    """
    if not isinstance(cell, Cell):
        raise UsageError(f"--cells: {name} must return a recur.Cell, got {type(cell).__name__}")

    def run(key):
        return unroll(cell, cell.init(key, 4), jnp.zeros((2, 3, 4)))

    try:
        jax.eval_shape(run, jax.random.key(0))
    except Exception as error:
        raise UsageError(
            f"--cells: {name} does not run: {one_line(error)}; recur.testing.check_cell "
            f"tells more"
        ) from error


def _external(word: str, benchmark: str) -> Factory:
    factory = load("cells", word, {benchmark})
    if not callable(factory) or "hidden" not in inspect.signature(factory).parameters:
        raise UsageError(
            f"--cells: {word} must be a function (hidden, *, options) that returns a "
            f"recur.Cell"
        )
    return factory
