# SPDX-License-Identifier: Apache-2.0
"""Read settings off a signature: name, type, default and help.

A config dataclass and a cell factory are both callables with keywords and a docstring
that explains them, so both become flags in the same way.
"""

import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from recur.initializers import INITIALIZERS


Value = bool | int | float | str


class Option(NamedTuple):
    """One setting.

    Attributes:
      kind: bool, int, float or str.
      default: the default value, or None.
      choices: the legal values of a str, or None for any.
      help: one or two sentences, with the unit.
    """

    kind: type
    default: Value | None
    choices: tuple[str, ...] | None
    help: str


def options_of(target: Callable[..., Any]) -> dict[str, Option]:
    """The settings of a dataclass or factory, by name.

    A setting is a keyword of type bool, int, float or str (or None), a `Literal` of
    strings, or a named initializer; other keywords keep their defaults. An untyped keyword
    has the type of its default, and int without a default (as `hidden`).
    """
    hints = typing.get_type_hints(target.__init__ if inspect.isclass(target) else target)
    texts = explanations(inspect.getdoc(target) or "")
    options = {}
    for name, parameter in inspect.signature(target).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        default = None if parameter.default is parameter.empty else parameter.default
        kind, choices = hints.get(name, int if default is None else type(default)), None
        if isinstance(kind, types.UnionType):
            (kind,) = set(typing.get_args(kind)) - {types.NoneType}
        if typing.get_origin(kind) is typing.Literal:
            kind, choices = str, typing.get_args(kind)
        elif default in INITIALIZERS.values():
            kind, choices = str, tuple(INITIALIZERS)
            default = next(k for k, v in INITIALIZERS.items() if v is default)
        if kind in (bool, int, float, str):
            options[name] = Option(kind, default, choices, texts.get(name, ""))
    return options


def explanations(doc: str) -> dict[str, str]:
    """Parse the `name: text` entries of the Args or Attributes section of a docstring."""
    section = re.search(r"^(?:Args|Attributes):\n((?:[ ]+.*\n?|\n)*)", doc, re.MULTILINE)
    if section is None:
        return {}
    entries = re.findall(
        r"^ {2}(\w+): (.*(?:\n {4,}.*)*)", section.group(1), re.MULTILINE
    )
    return {name: " ".join(text.split()) for name, text in entries}


def arguments(target: Callable[..., Any], values: Mapping[str, Value]) -> dict[str, Any]:
    """Keywords for `target`, with initializers in place of their names."""
    options = options_of(target)
    return {
        name: INITIALIZERS[str(value)]
        if options[name].choices == tuple(INITIALIZERS)
        else value
        for name, value in values.items()
    }


def flagfile(settings: Mapping[str, Value]) -> str:
    """Settings as a file for --flagfile that repeats the run."""
    return "".join(f"--{name}={value}\n" for name, value in settings.items())
