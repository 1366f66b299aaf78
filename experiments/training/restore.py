# SPDX-License-Identifier: Apache-2.0
"""Read the trained states of a run directory."""

from pathlib import Path

import jax

from experiments.config.errors import UsageError
from experiments.launch.plan import Plan
from experiments.runs.checkpoint import Checkpoints
from experiments.runs.names import CHECKPOINTS
from experiments.training.programs import initial_states
from experiments.training.trainer import TrainState, make_trainer


def initial_of(plan: Plan, cell: str) -> TrainState:
    """The states of a cell before training, all seeds, NumPy arrays `[S, ...]`."""
    trainer = make_trainer(plan.network(cell), plan.benchmark, plan.train)
    return initial_states(trainer.init, plan.run.seeds)


def restore(plan: Plan, cell: str, run: Path) -> TrainState:
    """The states of a cell in the newest checkpoint, all seeds, NumPy arrays `[S, ...]`.

    Raises:
      UsageError: the run has no checkpoint of the cell, or none that can be read.
    """
    directory = run / CHECKPOINTS / cell
    missing = UsageError(
        f"--run={run} has no checkpoint of {cell}: train it with "
        f"python -m experiments --workdir={run} --resume"
    )
    if not directory.is_dir():
        raise missing
    checkpoints = Checkpoints(directory)
    try:
        restored = checkpoints.restore(initial_of(plan, cell))
    finally:
        checkpoints.close()
    if restored is None:
        raise missing
    return restored.tree


def params_of(state: TrainState, seed: int) -> object:
    """The parameters of one seed."""
    return jax.tree.map(lambda leaf: leaf[seed], state.params)
