# SPDX-License-Identifier: Apache-2.0
"""The command line. No other file reads or defines a flag."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from absl import flags

from experiments.options import Option, Value
from experiments.plan import all_options, make_plan, named_cells
from experiments.refusal import Refusal, nearest
from experiments.settings import Front


DEFINERS: dict[type, Callable[..., Any]] = {
    bool: flags.DEFINE_boolean,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
}

PLACE = {
    "workdir": "directory of the run; a new one under runs/ if not given",
    "resume": "go on with the run in --workdir, under the settings saved there",
    "overwrite": "delete the run in --workdir and start anew",
    "mirror": "copy the metrics to tensorboard or to wandb as they come",
    "help": "show this and exit",
}

WORDS = ("workdir", "mirror")
"""The flags of `PLACE` that take a word; the others are switches."""


def parse(argv: Sequence[str]) -> flags.FlagValues:
    """Read the command line, program name excluded.

    Raises:
      Refusal: an unknown flag, an illegal value, or a word that is no flag.
    """
    values = _define(all_options(named_cells(_cells(argv))))
    try:
        rest = values(["experiments", *argv])[1:]
    except flags.UnrecognizedFlagError as error:
        name = nearest(error.flagname, values)
        raise Refusal(
            f"unknown flag --{error.flagname}: did you mean --{name}? (--help lists all)"
        ) from None
    except (flags.Error, OSError) as error:
        raise Refusal(" ".join(str(error).split())) from None
    if rest:
        raise Refusal(f"{rest[0]!r} is not a flag: write --name=value (--help lists all)")
    return values


def given(values: flags.FlagValues) -> dict[str, Value]:
    """The settings that the command line names."""
    return {
        name: value
        for name in sorted(set(values) - set(PLACE))
        if (value := values[name].value) is not None
    }


def flagfile(settings: Mapping[str, Value]) -> str:
    """Settings as a file for --flagfile that replays them."""
    return "".join(f"--{name}={value}\n" for name, value in settings.items())


def help_text(values: flags.FlagValues) -> str:
    """Every flag with its meaning, unit, legal values and default.

    The defaults shown are those of the benchmark and preset on the command line.
    """
    plan = make_plan(given(values))
    lines = ["usage: python -m experiments [--flag=value ...] [--flagfile=FILE]"]
    for name, option in all_options(plan.factories).items():
        value = plan.settings.get(name, option.default)
        legal = f" {{{', '.join(option.choices)}}}" if option.choices else ""
        shown = "--model.hidden" if value is None else value
        lines += _entry(name, f"{option.help}{legal} (default: {shown})")
    for name, text in PLACE.items():
        lines += _entry(name, text)
    return "\n".join(lines)


def _entry(name: str, text: str) -> list[str]:
    return [f"  --{name}", textwrap.indent(textwrap.fill(text, 74), " " * 6)]


def _cells(argv: Sequence[str]) -> str:
    """The value of --cells: a cell's own file must be loaded before it has flags."""
    values = flags.FlagValues()
    flags.DEFINE_string("cells", Front().cells, "", flag_values=values)
    try:
        values(["experiments", *argv], known_only=True)
    except (flags.Error, OSError) as error:
        raise Refusal(" ".join(str(error).split())) from None
    return values.cells


def _define(options: Mapping[str, Option]) -> flags.FlagValues:
    values = flags.FlagValues()
    for name, option in options.items():
        if option.choices:
            flags.DEFINE_enum(
                name, None, option.choices, option.help, flag_values=values
            )
        else:
            DEFINERS[option.kind](name, None, option.help, flag_values=values)
    for name, text in PLACE.items():
        define = DEFINERS[str if name in WORDS else bool]
        define(name, None, text, flag_values=values)
    return values
