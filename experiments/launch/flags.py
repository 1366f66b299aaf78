# SPDX-License-Identifier: Apache-2.0
"""The command line. Flags are defined and read in this file only."""

import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from absl import flags

from experiments.config.errors import UsageError, nearest
from experiments.config.options import Option, options_of
from experiments.config.settings import RunConfig
from experiments.launch.plan import make_plan
from experiments.launch.precedence import Selection, select


PARSERS: dict[type, Callable[[], flags.ArgumentParser]] = {
    int: flags.IntegerParser,
    float: flags.FloatParser,
    str: flags.ArgumentParser,
}


class OneOrMore(flags.ArgumentParser):
    """One value, or several separated by commas: a sweep."""

    def __init__(self, one: flags.ArgumentParser):
        self.one = one
        self.syntactic_help = one.syntactic_help

    def parse(self, argument):
        """A value, or a tuple of them."""
        words = argument.split(",") if isinstance(argument, str) else [argument]
        values = tuple(self.one.parse(word) for word in words)
        return values[0] if len(values) == 1 else values

    def flag_type(self):
        """The name of the type for absl."""
        return self.one.flag_type()


FLAGS = {
    "workdir": "directory of the run; if not given, a new one under runs/",
    "resume": "go on with the run in --workdir, under the settings saved there",
    "overwrite": "delete the run in --workdir and start anew",
    "mirror": "copy the metrics to tensorboard or wandb",
    "data_dir": "directory of data files; if not given, $RECUR_DATA, or data",
    "list": "show every benchmark and exit",
    "help": "show this and exit",
}

WITH_VALUE = ("workdir", "mirror", "data_dir")
"""The flags of `FLAGS` that take a value; the others are switches."""


class Command(NamedTuple):
    """A command.

    Attributes:
      module: the module that `python -m` runs.
      flags: name -> help of the flags that are not settings.
      with_value: the flags that take a value; the others are switches.
      configs: prefix -> dataclass of the settings of this command alone.
      run_settings: whether it takes the settings of a run.
      sweeps: whether a setting may have several values.
    """

    module: str
    flags: Mapping[str, str]
    with_value: Collection[str]
    configs: Mapping[str, Callable[..., Any]]
    run_settings: bool = True
    sweeps: bool = False


RUN = Command("experiments", FLAGS, WITH_VALUE, {}, sweeps=True)
"""`python -m experiments`."""


def parse(argv: Sequence[str], command: Command = RUN) -> flags.FlagValues:
    """Read the command line, program name excluded.

    Raises:
      UsageError: an unknown flag, an illegal value, or a word that is no flag.
    """
    values, rest = parse_words(argv, command)
    if rest:
        raise UsageError(f"{rest[0]!r} is not a flag: write --name=value (--help lists all)")
    return values


def parse_words(argv: Sequence[str], command: Command) -> tuple[flags.FlagValues, list[str]]:
    """Read the command line, and return the words that are not flags too.

    Raises:
      UsageError: an unknown flag, or an illegal value.
    """
    described = _selected(argv).options() if command.run_settings else {}
    values = _define({**described, **_own(command)}, command)
    try:
        return values, values([command.module, *argv])[1:]
    except flags.UnrecognizedFlagError as error:
        name = nearest(error.flagname, values)
        raise UsageError(
            f"unknown flag --{error.flagname}: did you mean --{name}? (--help lists all)"
        ) from None
    except (flags.Error, OSError) as error:
        raise UsageError(" ".join(str(error).split())) from None


def given(values: flags.FlagValues, command: Command = RUN) -> dict[str, Any]:
    """The settings on the command line; a swept one is a tuple."""
    return {
        name: value
        for name in sorted(set(values) - set(command.flags))
        if (value := values[name].value) is not None
    }


def help_text(values: flags.FlagValues, command: Command = RUN) -> str:
    """Every flag with its meaning, unit, legal values and default.

    Defaults are shown for the benchmark and preset on the command line.
    """
    own = _own(command)
    lines = [f"usage: python -m {command.module} [--flag=value ...] [--flagfile=FILE]"]
    options, settings = dict(own), {}
    if command.run_settings:
        chosen = {k: v for k, v in given(values, command).items() if k not in own}
        # A sweep shows its first point.
        firsts = {k: v[0] if isinstance(v, tuple) else v for k, v in chosen.items()}
        plan = make_plan(firsts)
        selection = select(plan.run.benchmark, plan.run.cells)
        options, settings = {**own, **selection.options()}, plan.settings
    for name, option in options.items():
        value = settings.get(name, option.default)
        legal = f" {{{', '.join(option.choices)}}}" if option.choices else ""
        shown = "not set" if value is None else value
        lines += _entry(name, f"{option.help}{legal} (default: {shown})")
    for name, text in command.flags.items():
        lines += _entry(name, text)
    return "\n".join(lines)


def _entry(name: str, text: str) -> list[str]:
    return [f"  --{name}", textwrap.indent(textwrap.fill(text, 74), " " * 6)]


def _selected(argv: Sequence[str]) -> Selection:
    """The benchmark and cells of a command line: their files define more flags."""
    values = flags.FlagValues()
    for name in ("benchmark", "cells"):
        flags.DEFINE_string(name, getattr(RunConfig(), name), "", flag_values=values)
    try:
        values(["experiments", *argv], known_only=True)
    except (flags.Error, OSError) as error:
        raise UsageError(" ".join(str(error).split())) from None
    return select(values.benchmark, values.cells)


def _own(command: Command) -> dict[str, Option]:
    """The settings of a command alone."""
    return {
        prefix + name: option
        for prefix, target in command.configs.items()
        for name, option in options_of(target).items()
    }


def _define(options: Mapping[str, Option], command: Command) -> flags.FlagValues:
    values = flags.FlagValues()
    for name, option in options.items():
        if option.kind is bool:
            flags.DEFINE_boolean(name, None, option.help, flag_values=values)
            continue
        one = flags.EnumParser(option.choices) if option.choices else PARSERS[option.kind]()
        many = command.sweeps and (option.choices or option.kind is not str)
        parser = OneOrMore(one) if many else one
        flags.DEFINE(parser, name, None, option.help, flag_values=values)
    for name, text in command.flags.items():
        define = flags.DEFINE_string if name in command.with_value else flags.DEFINE_boolean
        define(name, None, text, flag_values=values)
    return values
