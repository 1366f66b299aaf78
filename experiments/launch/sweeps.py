# SPDX-License-Identifier: Apache-2.0
"""Sweeps: a setting with several values is a run for each, side by side in one directory.

    python -m experiments --copy_memory.lag=10,30,100
"""

import contextlib
import itertools
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from experiments.config.errors import Refusal
from experiments.config.options import Value
from experiments.runs import directory as runs
from experiments.runs.atomic import write_whole


Chosen = Mapping[str, Value | tuple[Value, ...]]
"""Settings by flag name; those that are swept have a tuple."""


def points(chosen: Chosen) -> dict[str, dict[str, Value]]:
    """Name -> settings of every run; one without a name where nothing is swept.

    Raises:
      Refusal: a value stands twice.
    """
    swept = {k: v for k, v in chosen.items() if isinstance(v, tuple)}
    for name, values in swept.items():
        if len(set(values)) < len(values):
            raise Refusal(f"--{name} names a value twice: name each once")
    fixed: dict[str, Any] = {k: v for k, v in chosen.items() if k not in swept}
    found = {}
    for values in itertools.product(*swept.values()):
        point = dict(zip(swept, values, strict=True))
        name = ",".join(f"{key}={value}" for key, value in point.items())
        found[name] = {**fixed, **point}
    return found


def saved(place: runs.Place) -> Chosen | None:
    """The settings of the sweep to resume; None where there is none.

    Raises:
      Refusal: its file cannot be read.
    """
    path = Path(place.workdir or "") / runs.SWEEP
    if not (place.resume and path.exists()):
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {k: tuple(v) if isinstance(v, list) else v for k, v in found.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise Refusal(
            f"{path} cannot be read ({error}): restore it, or start anew with --overwrite"
        ) from None


def agreed(chosen: Chosen, before: Chosen | None) -> Chosen:
    """What is run: the sweep to resume, if what is chosen now does not contradict it.

    Raises:
      Refusal: it does.
    """
    if before is None:
        return chosen
    changed = [name for name, value in chosen.items() if before.get(name) != value]
    if changed:
        raise Refusal(
            f"this sweep was started with other settings of {', '.join(changed)}: leave "
            f"these flags out to resume it, or choose another --workdir"
        )
    return before


@contextlib.contextmanager
def open_sweep(place: runs.Place, chosen: Chosen) -> Iterator[Path]:
    """Hold the directory of a sweep, and write down what is swept.

    Raises:
      Refusal: it holds a run, cannot be written, or another process holds it.
    """
    stamp = time.strftime("%Y%m%d-%H%M%S")
    path = Path(place.workdir or f"runs/{chosen.get('benchmark', 'sweep')}-{stamp}")
    if (path / runs.CONFIG).exists() and not place.overwrite:
        raise Refusal(
            f"--workdir={path} holds a single run, not a sweep: choose another, or leave "
            f"one value of each setting to resume it"
        )
    with runs.hold(path):
        if place.overwrite:
            runs.clear(path)
        write_whole(path / runs.SWEEP, json.dumps(dict(chosen), indent=2) + "\n")
        yield path
