# SPDX-License-Identifier: Apache-2.0
"""Checkpoints with a digest of every array. The one file that imports orbax.

orbax commits a step with an atomic rename, so a process may die at any moment. It does
not notice flipped bits, and casts to the dtype it is asked for; hence the digests, which
are checked before training goes on.
"""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp

from experiments.config.errors import UsageError


class Restored(NamedTuple):
    """A checkpoint read back.

    Attributes:
      tree: the state.
      note: plain data saved beside it.
      faults: errors of newer checkpoints, which were moved aside.
    """

    tree: Any
    note: dict[str, Any]
    faults: tuple[str, ...]


class Checkpoints:
    """The checkpoints of one cell; the newest two are kept.

    Args:
      directory: created if missing.
    """

    def __init__(self, directory: Path):
        self.directory = directory.resolve()
        self.manager = self._open()

    def _open(self) -> ocp.CheckpointManager:
        options = ocp.CheckpointManagerOptions(
            max_to_keep=2,
            # A background save reports a full disk late, or never.
            enable_async_checkpointing=False,
            cleanup_tmp_directories=True,
        )
        return ocp.CheckpointManager(self.directory, options=options)

    def save(self, step: int, tree: Any, note: dict[str, Any]) -> None:
        """Commit a step.

        Raises:
          OSError: it could not be written.
        """
        leaves = named_leaves(tree)
        manifest = {"digests": digests(leaves), "note": note}
        args = ocp.args.Composite(
            state=ocp.args.StandardSave(leaves), manifest=ocp.args.JsonSave(manifest)
        )
        self.manager.save(step, args=args, force=True)
        if not (self.directory / str(step)).is_dir():
            raise OSError(f"checkpoint {self.directory / str(step)} was not written")

    def restore(self, template: Any) -> Restored | None:
        """The newest undamaged step; None without any checkpoint.

        Damaged steps are moved aside.

        Args:
          template: a tree of the expected structure, shapes and dtypes.

        Raises:
          UsageError: every checkpoint is damaged.
        """
        steps = sorted(self.manager.all_steps(), reverse=True)
        faults: list[str] = []
        for step in steps:
            try:
                tree, note = self._read(step, template)
            except Exception as error:  # orbax raises anything on a damaged file
                faults.append(f"step {step}: {' '.join(str(error).split())[:200]}")
                continue
            for damaged in steps[: len(faults)]:
                self._set_aside(damaged)
            return Restored(tree, note, tuple(faults))
        if faults:
            raise UsageError(
                f"no checkpoint in {self.directory} can be read ({'; '.join(faults)}): "
                f"delete that directory to train this cell from step 0"
            )
        return None

    def _read(self, step: int, template: Any) -> tuple[Any, dict[str, Any]]:
        expected = named_leaves(template)
        abstract = {k: jax.ShapeDtypeStruct(v.shape, v.dtype) for k, v in expected.items()}
        args = ocp.args.Composite(
            state=ocp.args.StandardRestore(abstract), manifest=ocp.args.JsonRestore()
        )
        read = self.manager.restore(step, args=args)
        found, wanted = digests(read.state), read.manifest["digests"]
        for name in wanted.keys() | found.keys():
            if found.get(name) != wanted.get(name):
                raise ValueError(f"leaf {name} is not what was saved")
        leaves = [read.state[name] for name in expected]
        tree = jax.tree.unflatten(jax.tree.structure(template), leaves)
        return tree, read.manifest["note"]

    def _set_aside(self, step: int) -> None:
        self.manager.close()
        path = self.directory / str(step)
        path.rename(self.directory.with_name(f"{self.directory.name}.damaged-{step}"))
        self.manager = self._open()

    def close(self) -> None:
        """Close the directory."""
        self.manager.close()


def named_leaves(tree: Any) -> dict[str, Any]:
    """The leaves of a tree under readable names, `params.recurrent.w_h`."""
    return {
        jax.tree_util.keystr(path, simple=True, separator="."): leaf
        for path, leaf in jax.tree.leaves_with_path(tree)
    }


def digests(leaves: dict[str, Any]) -> dict[str, str]:
    """SHA-256 of the dtype, shape and bytes of each leaf."""

    def digest(leaf):
        array = np.asarray(leaf)
        head = f"{array.dtype.name}{array.shape}".encode()
        return hashlib.sha256(head + array.tobytes()).hexdigest()

    return {name: digest(leaf) for name, leaf in leaves.items()}
