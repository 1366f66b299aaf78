# SPDX-License-Identifier: Apache-2.0
"""Load cells and benchmarks from files of the user's own, named `module:name`."""

import importlib
import traceback
from collections.abc import Collection
from types import ModuleType
from typing import Any

from experiments.benchmarks.registry import BENCHMARKS
from experiments.config.errors import UsageError, nearest
from experiments.config.options import options_of
from experiments.config.settings import RunConfig
from recur.cells import CELLS


TAKEN = {"train", "model", *options_of(RunConfig), *BENCHMARKS, *CELLS}
"""Names that flags start with already."""


def load(flag: str, word: str, taken: Collection[str] = ()) -> Any:
    """The object `name` of `module`, for a word `module:name`.

    Args:
      flag: the flag that holds the word, for messages.
      word: as in `my_module:my_cell`.
      taken: more names that it may not have.

    Raises:
      UsageError: the module cannot be imported or has no such name, or it is taken.
    """
    module, _, name = word.rpartition(":")
    if not (name.isidentifier() and all(part.isidentifier() for part in module.split("."))):
        raise UsageError(f"--{flag}: {word!r} must be a registered name, or module:name")
    if name in {*TAKEN, *taken}:
        raise UsageError(
            f"--{flag}: the name {name!r} of {word} is taken: rename it in its file"
        )
    loaded = _import(flag, word, module)
    if not hasattr(loaded, name):
        public = [key for key in vars(loaded) if not key.startswith("_")]
        hint = f"did you mean {nearest(name, public)!r}?" if public else "it is empty"
        raise UsageError(f"--{flag}: {module} has no {name!r}: {hint}")
    return getattr(loaded, name)


def one_line(error: Exception) -> str:
    """The message of an error and its place, in the user's file where it is there."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "site-packages" not in f.filename and f.lineno]
    frame = (own or frames)[-1]
    if isinstance(error, SyntaxError) and error.filename:
        place = f"{error.filename}:{error.lineno}"
    else:
        place = f"{frame.filename}:{frame.lineno}"
    text = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {text} ({place})"


def _import(flag: str, word: str, module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise UsageError(
                f"--{flag}={word}: no module {error.name!r}: is {error.name}.py in the "
                f"current directory or on PYTHONPATH?"
            ) from None
        raise UsageError(
            f"--{flag}={word}: importing it failed: {one_line(error)}"
        ) from error
    except Exception as error:
        raise UsageError(
            f"--{flag}={word}: importing it failed: {one_line(error)}"
        ) from error
