# SPDX-License-Identifier: Apache-2.0
"""JAX, set up before its first use: a cache of compiled programs."""

import hashlib
import os
from pathlib import Path
from typing import Any

import jax


def prepare() -> None:
    """Keep what is compiled, unless the user chose otherwise.

    The choices of the user are those of JAX: `JAX_COMPILATION_CACHE_DIR` and
    `JAX_ENABLE_COMPILATION_CACHE=0`.
    """
    config: Any = jax.config
    if config.jax_compilation_cache_dir is None:
        config.update("jax_compilation_cache_dir", str(_private_directory()))
        config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def _private_directory() -> Path:
    """Readable by the user alone, since what is in it is executed; one for each kind of
    processor, since programs are compiled for it."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.exists() else []
    kind = sorted({line for line in lines if line.startswith(("flags", "model name"))})
    digest = hashlib.sha256("\n".join(kind).encode()).hexdigest()[:12]
    directory = Path(home) / "recur" / f"jax-{jax.__version__}-{digest}"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return directory
