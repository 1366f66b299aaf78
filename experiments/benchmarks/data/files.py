# SPDX-License-Identifier: Apache-2.0
"""Named files: read from the data directory or downloaded, and checked.

The data directory is `--data_dir`, else the environment variable RECUR_DATA, else `data`
in the current directory.
"""

import gzip
import hashlib
import os
import urllib.error
import urllib.request
import zlib
from pathlib import Path
from typing import NamedTuple

from experiments.config.errors import UsageError
from experiments.runs.atomic import write_whole


VARIABLE, DEFAULT = "RECUR_DATA", "data"

PATIENCE = 2.0
"""Timeout of a download [s]; there may be no network."""


class DataFile(NamedTuple):
    """A file that a benchmark knows by name.

    Attributes:
      path: path inside the data directory.
      home: URL to download it from.
      sha256: hash of its content, after gzip is unpacked.
    """

    path: str
    home: str
    sha256: str


def data_directory(chosen: str | None) -> Path:
    """The data directory: chosen by the user, by the environment, or the default."""
    return Path(chosen or os.environ.get(VARIABLE) or DEFAULT)


def content(named: DataFile, directory: Path) -> bytes:
    """Read a named file, downloaded first where it is missing, and unpack it.

    Raises:
      UsageError: it is missing and cannot be downloaded, or is not the right file.
    """
    path = directory / named.path
    if path.exists():
        return _checked(named, _read(path), str(path), "fetch it anew")
    packed = _fetch(named, path)
    found = _checked(named, packed, named.home, f"put the right file at {path}")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, packed)
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}): restore it") from None


def _fetch(named: DataFile, path: Path) -> bytes:
    try:
        with urllib.request.urlopen(named.home, timeout=PATIENCE) as answer:
            return bytes(answer.read())
    except (OSError, urllib.error.URLError) as error:
        reason = getattr(error, "reason", error)
        raise UsageError(
            f"{path} is not there, and {named.home} cannot be reached ({reason}): put the "
            f"file there, or name its directory with --data_dir or {VARIABLE}"
        ) from None


def _checked(named: DataFile, packed: bytes, where: str, remedy: str) -> bytes:
    try:
        found = gzip.decompress(packed) if named.path.endswith(".gz") else packed
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{where} is damaged ({error}): {remedy}") from None
    digest = hashlib.sha256(found).hexdigest()
    if digest != named.sha256:
        raise UsageError(
            f"{where} is not the file it should be: its sha256 is {digest[:12]}..., not "
            f"{named.sha256[:12]}...: {remedy}"
        )
    return found
