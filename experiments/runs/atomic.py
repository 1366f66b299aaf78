# SPDX-License-Identifier: Apache-2.0
"""Files that are written whole or not at all."""

import os
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> None:
    """Replace a file at one stroke; a process that dies meanwhile leaves the old one."""
    partial = path.with_name(partial_name(path.name))
    with partial.open("wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def partial_name(name: str) -> str:
    """What a file is called until it is whole."""
    return f".{name}.partial"
