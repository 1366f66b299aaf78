# SPDX-License-Identifier: Apache-2.0
"""The cells that `--cells` names: rows of `CELLS`, and `module:factory` of the user's own.

A cell of the user's own goes by the name of its factory everywhere: in flags, figures,
tables and files.
"""

import importlib
import inspect
import traceback
from collections.abc import Callable, Collection
from types import ModuleType

import jax
import jax.numpy as jnp

from experiments.config.errors import Refusal, check_known, nearest
from recur.cell import Cell
from recur.cells import CELLS
from recur.unroll import unroll


Factory = Callable[..., Cell]


def load_factories(text: str, taken: Collection[str]) -> dict[str, Factory]:
    """Name -> factory of every cell in a comma-separated list.

    Args:
      text: as in `lstm,my_module:my_cell`.
      taken: names that settings of other things begin with.

    Raises:
      Refusal: a cell is unknown, named twice, cannot be imported, is no factory, or has
        a name that is taken.
    """
    factories: dict[str, Factory] = {}
    for word in text.split(","):
        module, colon, name = word.rpartition(":")
        if name in factories:
            raise Refusal(f"--cells={text} names a cell twice: name each once")
        if not colon:
            check_known("cell", word, CELLS)
        factories[name] = _external(word, module, name, taken) if colon else CELLS[word]
    return factories


def check_runs(name: str, cell: Cell, input_size: int) -> None:
    """Refuse a cell of the user's own that does not run, before anything is compiled.

    Raises:
      Refusal: it is no cell, or one of its functions raises; names the place.
    """
    if not isinstance(cell, Cell):
        raise Refusal(f"--cells: {name} must return a recur.Cell, got {type(cell).__name__}")

    def run(key):
        return unroll(cell, cell.init(key, input_size), jnp.zeros((2, 3, input_size)))

    try:
        jax.eval_shape(run, jax.random.key(0))
    except Exception as error:
        raise Refusal(
            f"--cells: {name} does not run: {_one_line(error)}; recur.testing.check_cell "
            f"tells more"
        ) from error


def _external(word: str, module: str, name: str, taken: Collection[str]) -> Factory:
    if not (name.isidentifier() and all(part.isidentifier() for part in module.split("."))):
        raise Refusal(f"--cells: {word!r} must be the name of a cell, or module:factory")
    if name in CELLS or name in taken:
        raise Refusal(f"--cells: the name {name!r} of {word} is taken; call it otherwise")
    loaded = _import(word, module)
    if not hasattr(loaded, name):
        public = [key for key in vars(loaded) if not key.startswith("_")]
        hint = f"did you mean {nearest(name, public)!r}?" if public else "it is empty"
        raise Refusal(f"--cells: {module} has no {name!r}: {hint}")
    factory = getattr(loaded, name)
    if not callable(factory) or "hidden" not in inspect.signature(factory).parameters:
        raise Refusal(
            f"--cells: {word} must be a function (hidden, *, options) that returns a "
            f"recur.Cell"
        )
    return factory


def _import(word: str, module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise Refusal(
                f"--cells={word}: no module {error.name!r}: is {error.name}.py in the "
                f"current directory or on PYTHONPATH?"
            ) from None
        raise Refusal(f"--cells={word}: importing it failed: {_one_line(error)}") from error
    except Exception as error:
        raise Refusal(f"--cells={word}: importing it failed: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    """What an error says, and where, in the user's own file rather than in a library."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "site-packages" not in f.filename and f.lineno]
    frame = (own or frames)[-1]
    if isinstance(error, SyntaxError) and error.filename:
        place = f"{error.filename}:{error.lineno}"
    else:
        place = f"{frame.filename}:{frame.lineno}"
    text = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {text} ({place})"
