# SPDX-License-Identifier: Apache-2.0
"""The directory of a run: who may write to it, and what it says about itself."""

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

from experiments.config.errors import Refusal
from experiments.config.options import Value
from experiments.launch.flags import flagfile
from experiments.runs.atomic import partial_name, write_whole
from experiments.runs.journal import Journal
from experiments.runs.mirrors import NoMirror, check_mirror, open_mirror


CONFIG, FLAGS, LOCK, SWEEP = "config.json", "flags.txt", "run.lock", "sweep.json"
METRICS, FLOW, SAMPLES = "metrics.jsonl", "gradient_flow.jsonl", "samples.jsonl"
CHECKPOINTS, FIGURES, LABORATORY = "checkpoints", "figures", "gradient_flow"
SUMMARY, REPORT = "summary.json", "report.html"
HORIZON = "horizon.csv"

MIRRORED = ("tensorboard", "wandb")
ARTEFACTS = (
    *MIRRORED,
    METRICS,
    FLOW,
    SAMPLES,
    SUMMARY,
    REPORT,
    LABORATORY,
    FIGURES,
    HORIZON,
    CHECKPOINTS,
    FLAGS,
    CONFIG,
)
"""All that a run makes and --overwrite deletes; config.json, its mark, goes last."""

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


class Run(NamedTuple):
    """A run directory that this process holds.

    Attributes:
      path: the directory.
      journal: its metrics.
      flow: gradient flow as training goes.
      samples: what a language model writes as training goes.
      notes: lines that the user should read before the run starts.
    """

    path: Path
    journal: Journal
    flow: Journal
    samples: Journal
    notes: tuple[str, ...]

    @property
    def figures(self) -> Path:
        """Where its figures go."""
        return self.path / FIGURES


class Place(NamedTuple):
    """Where a run goes, and who follows it, as the user said it."""

    workdir: str | None
    resume: bool
    overwrite: bool
    mirror: str | None


def check_place(place: Place) -> None:
    """Refuse a place that contradicts itself or would cost the user something.

    Raises:
      Refusal: see the messages.
    """
    check_mirror(place.mirror)
    if place.resume and place.overwrite:
        raise Refusal("--resume and --overwrite exclude each other: choose one")
    if place.workdir is None:
        if place.resume or place.overwrite:
            raise Refusal("name the run to go on with: --workdir=DIR")
        return
    path = Path(place.workdir)
    if not path.exists():
        return
    if not path.is_dir():
        raise Refusal(f"--workdir={path} is not a directory: choose another")
    if not (place.resume or place.overwrite):
        raise Refusal(
            f"--workdir={path} exists: --resume goes on with the run in it, --overwrite "
            f"deletes it, or choose another"
        )
    foreign = {entry.name for entry in path.iterdir()} - {LOCK, partial_name(CONFIG)}
    if foreign and not ((path / CONFIG).exists() or (path / SWEEP).exists()):
        raise Refusal(
            f"--workdir={path} holds no run (it has no {CONFIG}) but other files: "
            f"choose another"
        )


def saved_settings(place: Place) -> dict[str, Value] | None:
    """The settings of the run to resume; None where there is nothing to resume.

    Raises:
      Refusal: config.json cannot be read.
    """
    path = Path(place.workdir or "") / CONFIG
    if not (place.resume and path.exists()):
        return None
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["settings"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise Refusal(
            f"{path} cannot be read ({error}): restore it, or start anew with --overwrite"
        ) from None


@contextlib.contextmanager
def open_run(place: Place, settings: Mapping[str, Value]) -> Iterator[Run]:
    """Hold the run directory, and write down what the run is.

    Raises:
      Refusal: the directory cannot be written, or another process holds it.
    """
    stamp = time.strftime("%Y%m%d-%H%M%S")
    path = Path(place.workdir or f"runs/{settings['benchmark']}-{stamp}")
    with hold(path):
        if place.overwrite:
            clear(path)
        notes = _version_notes(path) if place.resume else ()
        config = {"settings": dict(settings), "versions": versions()}
        write_whole(path / CONFIG, json.dumps(config, indent=2) + "\n")
        write_whole(path / FLAGS, flagfile(settings))
        mirror = open_mirror(place.mirror, path, settings)
        with contextlib.closing(mirror):
            flow, samples = (Journal(path / name, NoMirror()) for name in (FLOW, SAMPLES))
            yield Run(path, Journal(path / METRICS, mirror), flow, samples, notes)


def hold(path: Path) -> IO[str]:
    """An open file; the operating system lets go of it with the process.

    Raises:
      Refusal: the directory cannot be written, or another process holds it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = (path / LOCK).open("a", encoding="utf-8")
    except OSError as error:
        raise Refusal(
            f"--workdir={path} cannot be written ({error.strerror}): choose another"
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise Refusal(
            f"--workdir={path} is in use by another process: wait for it, or choose another"
        ) from None
    return lock


def versions() -> dict[str, str]:
    """Of everything that decides the last bits of a result."""
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
    """Delete all that runs made in a directory, the runs of a sweep among it."""
    if (path / SWEEP).exists():
        for config in path.glob(f"*=*/{CONFIG}"):
            shutil.rmtree(config.parent)
        (path / SWEEP).unlink()
    for name in ARTEFACTS:
        if (path / name).is_dir():
            shutil.rmtree(path / name)
        else:
            (path / name).unlink(missing_ok=True)
