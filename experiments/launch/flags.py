# SPDX-License-Identifier: Apache-2.0
"""The command line. No other file reads or defines a flag."""

import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from absl import flags

from experiments.config.errors import Refusal, nearest
from experiments.config.options import Option, Value, options_of
from experiments.config.settings import Front
from experiments.launch.plan import all_options, make_plan, named_cells


PARSERS: dict[type, Callable[[], flags.ArgumentParser]] = {
    int: flags.IntegerParser,
    float: flags.FloatParser,
    str: flags.ArgumentParser,
}


class Several(flags.ArgumentParser):
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
        """What absl calls it."""
        return self.one.flag_type()


PLACE = {
    "workdir": "directory of the run; a new one under runs/ if not given",
    "resume": "go on with the run in --workdir, under the settings saved there",
    "overwrite": "delete the run in --workdir and start anew",
    "mirror": "copy the metrics to tensorboard or to wandb as they come",
    "data_dir": "directory of files that benchmarks read; $RECUR_DATA if not given, or data",
    "list": "show every benchmark and exit",
    "help": "show this and exit",
}

WORDS = ("workdir", "mirror", "data_dir")
"""The flags of `PLACE` that take a word; the others are switches."""


class Door(NamedTuple):
    """A command.

    Attributes:
      module: what `python -m` is given.
      place: its flags that are no settings, with their meaning.
      words: those of them that take a word; the others are switches.
      configs: prefix -> config dataclass of settings that it has beside those of a run.
      describes: whether it has those of a run.
      sweeps: whether a setting may have several values.
    """

    module: str
    place: Mapping[str, str]
    words: Collection[str]
    configs: Mapping[str, Callable[..., Any]]
    describes: bool = True
    sweeps: bool = False


BENCH = Door("experiments", PLACE, WORDS, {}, sweeps=True)
"""`python -m experiments`."""


def parse(argv: Sequence[str], door: Door = BENCH) -> flags.FlagValues:
    """Read the command line, program name excluded.

    Raises:
      Refusal: an unknown flag, an illegal value, or a word that is no flag.
    """
    values, rest = parse_words(argv, door)
    if rest:
        raise Refusal(f"{rest[0]!r} is not a flag: write --name=value (--help lists all)")
    return values


def parse_words(argv: Sequence[str], door: Door) -> tuple[flags.FlagValues, list[str]]:
    """The same, with the words that are no flags.

    Raises:
      Refusal: an unknown flag, or an illegal value.
    """
    described = all_options(named_cells(_cells(argv))) if door.describes else {}
    values = _define({**described, **_own(door)}, door)
    try:
        return values, values([door.module, *argv])[1:]
    except flags.UnrecognizedFlagError as error:
        name = nearest(error.flagname, values)
        raise Refusal(
            f"unknown flag --{error.flagname}: did you mean --{name}? (--help lists all)"
        ) from None
    except (flags.Error, OSError) as error:
        raise Refusal(" ".join(str(error).split())) from None


def given(values: flags.FlagValues, door: Door = BENCH) -> dict[str, Any]:
    """The settings that the command line names; those that are swept as tuples."""
    return {
        name: value
        for name in sorted(set(values) - set(door.place))
        if (value := values[name].value) is not None
    }


def flagfile(settings: Mapping[str, Value]) -> str:
    """Settings as a file for --flagfile that replays them."""
    return "".join(f"--{name}={value}\n" for name, value in settings.items())


def help_text(values: flags.FlagValues, door: Door = BENCH) -> str:
    """Every flag with its meaning, unit, legal values and default.

    The defaults shown are those of the benchmark and preset on the command line.
    """
    own = _own(door)
    lines = [f"usage: python -m {door.module} [--flag=value ...] [--flagfile=FILE]"]
    options, settings = dict(own), {}
    if door.describes:
        chosen = {k: v for k, v in given(values, door).items() if k not in own}
        # Of a sweep the first.
        firsts = {k: v[0] if isinstance(v, tuple) else v for k, v in chosen.items()}
        plan = make_plan(firsts)
        options, settings = {**own, **all_options(plan.factories)}, plan.settings
    for name, option in options.items():
        value = settings.get(name, option.default)
        legal = f" {{{', '.join(option.choices)}}}" if option.choices else ""
        shown = "--model.hidden" if value is None else value
        lines += _entry(name, f"{option.help}{legal} (default: {shown})")
    for name, text in door.place.items():
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


def _own(door: Door) -> dict[str, Option]:
    """The settings that a command has beside those of a run."""
    return {
        prefix + name: option
        for prefix, target in door.configs.items()
        for name, option in options_of(target).items()
    }


def _define(options: Mapping[str, Option], door: Door) -> flags.FlagValues:
    values = flags.FlagValues()
    for name, option in options.items():
        if option.kind is bool:
            flags.DEFINE_boolean(name, None, option.help, flag_values=values)
            continue
        one = flags.EnumParser(option.choices) if option.choices else PARSERS[option.kind]()
        many = door.sweeps and (option.choices or option.kind is not str)
        parser = Several(one) if many else one
        flags.DEFINE(parser, name, None, option.help, flag_values=values)
    for name, text in door.place.items():
        define = flags.DEFINE_string if name in door.words else flags.DEFINE_boolean
        define(name, None, text, flag_values=values)
    return values
