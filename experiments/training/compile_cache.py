# SPDX-License-Identifier: Apache-2.0
"""Keep compiled programs on disk from run to run."""

import hashlib
import os
from pathlib import Path
from typing import Any

import jax


def prepare() -> None:
    """Switch the compilation cache of JAX on.

    `JAX_COMPILATION_CACHE_DIR` chooses another directory, and
    `JAX_ENABLE_COMPILATION_CACHE=0` switches it off.
    """
    config: Any = jax.config
    if config.jax_compilation_cache_dir is None:
        config.update("jax_compilation_cache_dir", str(_private_directory()))
        config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def _private_directory() -> Path:
    """A directory for this kind of processor.

    Only the user may read it: programs in it are executed.
    """
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.exists() else []
    kind = sorted({line for line in lines if line.startswith(("flags", "model name"))})
    digest = hashlib.sha256("\n".join(kind).encode()).hexdigest()[:12]
    directory = Path(home) / "recur" / f"jax-{jax.__version__}-{digest}"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return directory
