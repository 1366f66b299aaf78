# SPDX-License-Identifier: Apache-2.0
"""Train one cell with all its seeds, and measure its gradient flow before and after."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from experiments.launch.plan import Plan
from experiments.runs.checkpoint import Checkpoints
from experiments.runs.directory import Run
from experiments.runs.names import CHECKPOINTS
from experiments.training.callbacks import Callback
from experiments.training.cell_result import CellResult
from experiments.training.flow_recorder import flow_recorder
from experiments.training.interrupts import Interrupted
from experiments.training.loop import Diverged, Fit, Loop, fit
from experiments.training.programs import Programs, compile_programs
from experiments.training.progress import Progress
from experiments.training.sampling import sample_recorder


COMPILING = threading.Lock()
"""Held while compiling: XLA has threads of its own, and two programs at once take longer
than one after the other."""


def train_cell(
    name: str,
    plan: Plan,
    directory: Run,
    progress: Progress,
    signalled: Callable[[], int | None],
) -> CellResult:
    """Train one cell of a plan.

    Raises:
      Interrupted: a signal asked to stop; a checkpoint was saved.
    """
    if signum := signalled():
        raise Interrupted(signum)
    progress.begin(name)
    with COMPILING:
        programs = compile_programs(
            plan.network(name), plan.benchmark, plan.train, plan.run.seeds
        )
    seeds = programs.replicas.put(np.arange(plan.run.seeds, dtype=np.int32))
    result = _untrained(programs, seeds)
    folder = directory.path / CHECKPOINTS / name
    with contextlib.closing(Checkpoints(folder)) as checkpoints:
        loop = Loop(
            cell=name,
            seeds=plan.run.seeds,
            replicas=programs.replicas,
            train_steps=programs.train_steps,
            train=plan.train,
            journal=directory.journal,
            checkpoints=checkpoints,
            callbacks=list(_callbacks(name, plan, directory, programs, seeds)),
            progress=progress,
            signalled=signalled,
        )
        try:
            fitted = fit(loop, programs.first, seeds)
        except Diverged as error:
            progress.say(f"{name}: {error}; its training ends here")
            return result._replace(failure=str(error))
    return _trained(result, programs, fitted, seeds)


def _untrained(programs: Programs, seeds: Any) -> CellResult:
    """The result before training: sizes, and gradient flow at initialisation."""
    parameters = jax.tree.leaves(programs.replicas.get(programs.first).params)
    return CellResult(
        parameters=sum(leaf[0].size for leaf in parameters),
        flow={"init": programs.flow(programs.first, seeds)},
        compile_seconds=programs.seconds,
        placement=programs.replicas.description,
    )


def _trained(
    result: CellResult, programs: Programs, fitted: Fit, seeds: Any
) -> CellResult:
    """The result with everything that is measured after training."""
    measure = lambda program: program and program(fitted.states, seeds)
    return result._replace(
        fit=fitted,
        flow={**result.flow, "trained": programs.flow(fitted.states, seeds)},
        test=measure(programs.test),
        curves=measure(programs.curves) or {},
    )


def _callbacks(
    name: str, plan: Plan, directory: Run, programs: Programs, seeds: Any
) -> Iterator[Callback]:
    flow, gates = programs.flow, programs.gates
    if gates is not None:

        def measure(states):
            return {"log10_norm": flow(states, seeds), **gates(states, seeds)}

        yield flow_recorder(name, plan.train.flow_every, measure, directory.flow)
    if programs.text is not None:
        every = plan.train.checkpoint_every
        yield sample_recorder(name, every, programs.text, directory.samples)
