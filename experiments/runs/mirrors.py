# SPDX-License-Identifier: Apache-2.0
"""Copies of the metrics for TensorBoard or wandb; `metrics.jsonl` is the original."""

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from experiments.config.errors import UsageError, check_known
from experiments.config.options import Value


Row = Mapping[str, Any]


class Mirror(Protocol):
    """A copy of the metrics of a run."""

    def write(self, row: Row) -> None:
        """Copy one row of metrics."""

    def close(self) -> None:
        """Finish the copy."""


class NoMirror:
    """No copy."""

    def write(self, row: Row) -> None:
        """Drop the row."""

    def close(self) -> None:
        """Do nothing."""


class TensorBoard:
    """Event files under `tensorboard/`, a TensorBoard run for each cell and seed.

    Args:
      path: the run directory.
      settings: not shown by TensorBoard.
    """

    def __init__(self, path: Path, settings: Mapping[str, Value]):
        del settings
        self.path = path / "tensorboard"
        self.writers: dict[tuple[str, int], Any] = {}

    def write(self, row: Row) -> None:
        """Add every number of the row under its name."""
        import tensorboardX

        key = row["cell"], row["seed"]
        if key not in self.writers:
            # A resumed run replaces what an earlier process wrote after this step.
            self.writers[key] = tensorboardX.SummaryWriter(
                str(self.path / f"{key[0]}-seed{key[1]}"), purge_step=row["step"]
            )
        for name, value in numbers(row).items():
            self.writers[key].add_scalar(name, value, row["step"])

    def close(self) -> None:
        """Flush all event files."""
        for writer in self.writers.values():
            writer.close()


class Wandb:
    """A wandb run; each cell and seed has a section and a step axis of its own.

    Args:
      path: the run directory; its name is the name of the wandb run.
      settings: shown as its config.
    """

    def __init__(self, path: Path, settings: Mapping[str, Value]):
        import wandb

        self.run = wandb.init(
            project="recur", name=path.name, dir=str(path), config=dict(settings)
        )

    def write(self, row: Row) -> None:
        """Log every number of the row."""
        section = f"{row['cell']}-seed{row['seed']}"
        self.run.define_metric(f"{section}/*", step_metric=f"{section}/step")
        values = {**numbers(row), "step": row["step"]}
        self.run.log({f"{section}/{name}": value for name, value in values.items()})

    def close(self) -> None:
        """End the wandb run."""
        self.run.finish()


MIRRORS: dict[str, tuple[str, Callable[[Path, Mapping[str, Value]], Mirror]]] = {
    "tensorboard": ("tensorboardX", TensorBoard),
    "wandb": ("wandb", Wandb),
}
"""Name -> the module it needs, and the mirror. Each name is an extra of the package."""


def check_mirror(name: str | None) -> None:
    """Check that a mirror is known and installed.

    Raises:
      UsageError: it is not; says how to install it.
    """
    if name is None:
        return
    check_known("mirror", name, MIRRORS)
    if importlib.util.find_spec(MIRRORS[name][0]) is None:
        raise UsageError(
            f"--mirror={name} needs {MIRRORS[name][0]}: pip install 'recur[{name}]'"
        )


def open_mirror(name: str | None, path: Path, settings: Mapping[str, Value]) -> Mirror:
    """The mirror of that name; for None, no copy."""
    return NoMirror() if name is None else MIRRORS[name][1](path, settings)


def numbers(row: Row) -> dict[str, float]:
    """The metrics of a row, without cell, seed and step."""
    named = ("cell", "seed", "step")
    return {k: v for k, v in row.items() if k not in named and v is not None}
