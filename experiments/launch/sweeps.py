# SPDX-License-Identifier: Apache-2.0
"""Sweeps: one run for each value of a setting, in one directory.

    python -m experiments --copy_memory.lag=10,30,100
"""

import contextlib
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from experiments.config.errors import UsageError
from experiments.config.options import Value
from experiments.runs import names
from experiments.runs.atomic import write_whole
from experiments.runs.directory import clear, lock, new_directory
from experiments.runs.location import RunLocation


Chosen = Mapping[str, Value | tuple[Value, ...]]
"""Settings by flag name; a swept one has a tuple of values."""


def points(chosen: Chosen) -> dict[str, dict[str, Value]]:
    """Name -> settings of every run; one run with an empty name without a sweep.

    Raises:
      UsageError: a value is given twice.
    """
    swept = {k: v for k, v in chosen.items() if isinstance(v, tuple)}
    for name, values in swept.items():
        if len(set(values)) < len(values):
            raise UsageError(f"--{name} names a value twice: name each once")
    fixed: dict[str, Any] = {k: v for k, v in chosen.items() if k not in swept}
    found = {}
    for values in itertools.product(*swept.values()):
        point = dict(zip(swept, values, strict=True))
        name = ",".join(f"{key}={value}" for key, value in point.items())
        found[name] = {**fixed, **point}
    return found


def saved(location: RunLocation) -> Chosen | None:
    """The settings of the sweep to resume, or None.

    Raises:
      UsageError: its file cannot be read.
    """
    path = Path(location.workdir or "") / names.SWEEP
    if not (location.resume and path.exists()):
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {k: tuple(v) if isinstance(v, list) else v for k, v in found.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise UsageError(
            f"{path} cannot be read ({error}): restore it, or start anew with --overwrite"
        ) from None


def agreed(chosen: Chosen, before: Chosen | None) -> Chosen:
    """The settings of a sweep, or of the resumed sweep if nothing contradicts them.

    Raises:
      UsageError: a setting on the command line differs.
    """
    if before is None:
        return chosen
    changed = [name for name, value in chosen.items() if before.get(name) != value]
    if changed:
        raise UsageError(
            f"this sweep was started with other settings of {', '.join(changed)}: leave "
            f"these flags out to resume it, or choose another --workdir"
        )
    return before


@contextlib.contextmanager
def open_sweep(location: RunLocation, chosen: Chosen) -> Iterator[Path]:
    """Lock the directory of a sweep, and write its settings.

    Raises:
      UsageError: it holds a run, cannot be written, or another process holds it.
    """
    path = Path(location.workdir or new_directory(str(chosen.get("benchmark", "sweep"))))
    if (path / names.CONFIG).exists() and not location.overwrite:
        raise UsageError(
            f"--workdir={path} holds a single run, not a sweep: choose another, or leave "
            f"one value of each setting to resume it"
        )
    with lock(path):
        if location.overwrite:
            clear(path)
        write_whole(path / names.SWEEP, json.dumps(dict(chosen), indent=2) + "\n")
        yield path
