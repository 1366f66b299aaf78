# SPDX-License-Identifier: Apache-2.0
"""The networks to look at: fresh from a plan, or trained in a run directory."""

from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from experiments.config.errors import Refusal
from experiments.gradient_flow.probe import Probe
from experiments.gradient_flow.settings import Lab
from experiments.launch.plan import Plan
from experiments.networks.sequence import network
from experiments.runs import directory as runs
from experiments.runs.checkpoint import Checkpoints
from experiments.training.trainer import make_trainer


def probes(plan: Plan, lab: Lab, run: Path | None) -> Iterator[Probe]:
    """Every cell as it is at the start and, from a run directory, as it was trained.

    Raises:
      Refusal: the run has no checkpoint of a cell, or none that can be read.
    """
    for name, cell in plan.cells.items():
        net = network(cell, plan.benchmark, plan.model.precision, plan.model.layers)
        trainer = make_trainer(net, plan.benchmark, plan.train)
        # One after the other: two factorisations at once can wait for each other for ever.
        init = jax.jit(trainer.init)
        states = [jax.device_get(init(np.int32(i))) for i in range(plan.front.seeds)]
        phases = {"init": [state.params for state in states]}
        if run is not None:
            template = jax.tree.map(lambda *leaves: np.stack(leaves), *states)
            trained = _restore(run, name, template).params
            phases["trained"] = [
                jax.tree.map(lambda leaf, i=i: jnp.asarray(leaf[i]), trained)
                for i in range(plan.front.seeds)
            ]
        for phase, params in phases.items():
            yield Probe(name, phase, net, plan.benchmark, lab, params, plan.settings)


def _restore(run, name, template):
    directory = run / runs.CHECKPOINTS / name
    missing = Refusal(
        f"--run={run} has no checkpoint of {name}: train it with "
        f"python -m experiments --workdir={run} --resume"
    )
    if not directory.is_dir():
        raise missing
    checkpoints = Checkpoints(directory)
    try:
        restored = checkpoints.restore(template)
    finally:
        checkpoints.close()
    if restored is None:
        raise missing
    return restored.tree
