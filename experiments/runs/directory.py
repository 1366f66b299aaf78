# SPDX-License-Identifier: Apache-2.0
"""The directory of a run: open it, lock it, clear it."""

import contextlib
import fcntl
import importlib.metadata
import json
import platform
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple

from experiments.config.errors import UsageError
from experiments.config.options import Value, flagfile
from experiments.runs.atomic import write_whole
from experiments.runs.journal import Journal
from experiments.runs.location import RunLocation
from experiments.runs.mirrors import NoMirror, open_mirror
from experiments.runs.names import (
    ARTEFACTS,
    CONFIG,
    FIGURES,
    FLAGS,
    FLOW,
    FORMAT,
    LOCK,
    METRICS,
    SAMPLES,
    SWEEP,
)


PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")
"""Packages whose versions can change the last bits of a result."""


class Run(NamedTuple):
    """A run directory that this process holds.

    Attributes:
      path: the directory.
      journal: metrics.
      flow: gradient flow while training.
      samples: samples of language models.
      notes: lines to show before the run starts.
    """

    path: Path
    journal: Journal
    flow: Journal
    samples: Journal
    notes: tuple[str, ...]

    @property
    def figures(self) -> Path:
        """Directory of the figures."""
        return self.path / FIGURES


@contextlib.contextmanager
def open_run(location: RunLocation, settings: Mapping[str, Value]) -> Iterator[Run]:
    """Lock the run directory, and write the settings and versions.

    Raises:
      UsageError: the directory cannot be written, or another process holds it.
    """
    path = Path(location.workdir or new_directory(str(settings["benchmark"])))
    with lock(path):
        if location.overwrite:
            clear(path)
        notes = _version_notes(path) if location.resume else ()
        config = {"format": FORMAT, "settings": dict(settings), "versions": versions()}
        write_whole(path / CONFIG, json.dumps(config, indent=2) + "\n")
        write_whole(path / FLAGS, flagfile(settings))
        mirror = open_mirror(location.mirror, path, settings)
        with contextlib.closing(mirror):
            flow, samples = (Journal(path / name, NoMirror()) for name in (FLOW, SAMPLES))
            yield Run(path, Journal(path / METRICS, mirror), flow, samples, notes)


def new_directory(benchmark: str) -> str:
    """A name under runs/ with the benchmark and the time."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    return f"runs/{benchmark.rpartition(':')[2]}-{stamp}"


def lock(path: Path) -> IO[str]:
    """Create a directory and lock it: the operating system unlocks when the file closes.

    Raises:
      UsageError: the directory cannot be written, or another process holds it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        file = (path / LOCK).open("a", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"--workdir={path} cannot be written ({error.strerror}): choose another"
        ) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise UsageError(
            f"--workdir={path} is in use by another process: wait for it, or choose another"
        ) from None
    return file


def versions() -> dict[str, str]:
    """Versions of Python, the machine and the packages behind a result."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), "machine": platform.machine(), **found}


def _version_notes(path: Path) -> tuple[str, ...]:
    if not (path / CONFIG).exists():
        return (f"nothing to resume in {path}: starting at step 0",)
    saved = json.loads((path / CONFIG).read_text(encoding="utf-8")).get("versions", {})
    changed = [f"{k} {saved.get(k)} -> {v}" for k, v in versions().items() if saved.get(k) != v]
    if not changed:
        return ()
    return (f"resumed under other versions, last bits may differ: {', '.join(changed)}",)


def clear(path: Path) -> None:
    """Delete the files of a run, or of all runs of a sweep; other files stay."""
    if (path / SWEEP).exists():
        for config in path.glob(f"*=*/{CONFIG}"):
            shutil.rmtree(config.parent)
        (path / SWEEP).unlink()
    for name in ARTEFACTS:
        if (path / name).is_dir():
            shutil.rmtree(path / name)
        else:
            (path / name).unlink(missing_ok=True)
