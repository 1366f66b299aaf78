# SPDX-License-Identifier: Apache-2.0
"""Where a run goes, and the settings of a run that is there already."""

import json
from pathlib import Path
from typing import NamedTuple

from experiments.config.errors import UsageError
from experiments.config.options import Value
from experiments.runs.atomic import partial_name
from experiments.runs.mirrors import check_mirror
from experiments.runs.names import CONFIG, FORMAT, LOCK, SWEEP


class RunLocation(NamedTuple):
    """Where a run goes, as given on the command line.

    Attributes:
      workdir: directory of the run; None makes a new one under runs/.
      resume: continue the run in it.
      overwrite: delete the run in it.
      mirror: name of a copy of the metrics, or None.
    """

    workdir: str | None
    resume: bool = False
    overwrite: bool = False
    mirror: str | None = None


def check_location(location: RunLocation) -> None:
    """Check that a run can go there without loss.

    Raises:
      UsageError: flags exclude each other, or the directory holds something else.
    """
    check_mirror(location.mirror)
    if location.resume and location.overwrite:
        raise UsageError("--resume and --overwrite exclude each other: choose one")
    if location.workdir is None:
        if location.resume or location.overwrite:
            raise UsageError("name the run to go on with: --workdir=DIR")
        return
    path = Path(location.workdir)
    if not path.exists():
        return
    if not path.is_dir():
        raise UsageError(f"--workdir={path} is not a directory: choose another")
    if not (location.resume or location.overwrite):
        raise UsageError(
            f"--workdir={path} exists: --resume goes on with the run in it, --overwrite "
            f"deletes it, or choose another"
        )
    foreign = {entry.name for entry in path.iterdir()} - {LOCK, partial_name(CONFIG)}
    if foreign and not ((path / CONFIG).exists() or (path / SWEEP).exists()):
        raise UsageError(
            f"--workdir={path} holds no run (it has no {CONFIG}) but other files: "
            f"choose another"
        )


def saved_settings(location: RunLocation) -> dict[str, Value] | None:
    """The settings of the run to resume; None where there is nothing to resume.

    Raises:
      UsageError: config.json cannot be read, or an earlier version wrote it.
    """
    path = Path(location.workdir or "") / CONFIG
    if not (location.resume and path.exists()):
        return None
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        written, settings = config.get("format", 1), dict(config["settings"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{path} cannot be read ({error}): restore it, or start anew with --overwrite"
        ) from None
    if written != FORMAT:
        raise UsageError(
            f"{path} has format {written}, this version reads format {FORMAT}: go on with "
            f"the version that wrote it, or start anew with --overwrite"
        )
    return settings
