# SPDX-License-Identifier: Apache-2.0
"""Settings read off a signature: name, type, default and help, each stated once.

A frozen config dataclass and a cell factory are both callables whose keywords are
settings and whose docstring explains them, so both become flags the same way.
"""

import inspect
import re
import typing
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from recur.initializers import INITIALIZERS


Value = bool | int | float | str


class Option(NamedTuple):
    """One setting.

    Attributes:
      kind: bool, int, float or str.
      default: its value if nobody says otherwise; None if it has none.
      choices: the legal values of a str, or None for any.
      help: what it is, with its unit.
    """

    kind: type
    default: Value | None
    choices: tuple[str, ...] | None
    help: str


def options_of(target: Callable[..., Any]) -> dict[str, Option]:
    """The settings of a dataclass or factory, by name.

    A keyword of another type than bool, int, float, str, a `Literal` of strings or a
    named initializer is not a setting, and keeps its default. Where no type is written
    it is that of the default, and int without one, as of `hidden`.
    """
    hints = typing.get_type_hints(target.__init__ if inspect.isclass(target) else target)
    texts = explanations(inspect.getdoc(target) or "")
    options = {}
    for name, parameter in inspect.signature(target).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        default = None if parameter.default is parameter.empty else parameter.default
        kind, choices = hints.get(name, int if default is None else type(default)), None
        if typing.get_origin(kind) is typing.Literal:
            kind, choices = str, typing.get_args(kind)
        elif default in INITIALIZERS.values():
            kind, choices = str, tuple(INITIALIZERS)
            default = next(k for k, v in INITIALIZERS.items() if v is default)
        if kind in (bool, int, float, str):
            options[name] = Option(kind, default, choices, texts.get(name, ""))
    return options


def explanations(doc: str) -> dict[str, str]:
    """The `name: text` entries of the Args or Attributes section of a docstring."""
    section = re.search(r"^(?:Args|Attributes):\n((?:[ ]+.*\n?|\n)*)", doc, re.MULTILINE)
    if section is None:
        return {}
    entries = re.findall(
        r"^ {2}(\w+): (.*(?:\n {4,}.*)*)", section.group(1), re.MULTILINE
    )
    return {name: " ".join(text.split()) for name, text in entries}


def arguments(target: Callable[..., Any], values: Mapping[str, Value]) -> dict[str, Any]:
    """Keywords for `target`: named initializers become the functions they name."""
    options = options_of(target)
    return {
        name: INITIALIZERS[str(value)]
        if options[name].choices == tuple(INITIALIZERS)
        else value
        for name, value in values.items()
    }
