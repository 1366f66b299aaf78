# SPDX-License-Identifier: Apache-2.0
"""Write files atomically."""

import os
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> None:
    """Replace a file atomically; a process that dies meanwhile leaves the old one."""
    partial = path.with_name(partial_name(path.name))
    with partial.open("wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def partial_name(name: str) -> str:
    """Name of a file while it is being written."""
    return f".{name}.partial"
