# SPDX-License-Identifier: Apache-2.0
"""Train one cell with all its seeds, and measure its gradient flow before and after."""

import threading
from collections.abc import Callable, Iterator, Sequence

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
from experiments.training.lag_curves import in_order
from experiments.training.loop import Diverged, Loop, fit
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
    network, count = plan.network(name), plan.run.seeds
    with COMPILING:
        programs = compile_programs(network, plan.benchmark, plan.train, count)
    where = programs.replicas
    seeds = where.put(np.arange(count, dtype=np.int32))
    sites = network.site_names
    curves_of = lambda states: in_order(where.get(programs.flow(states, seeds)), sites)
    flow = {"init": curves_of(programs.first)}
    checkpoints = Checkpoints(directory.path / CHECKPOINTS / name)
    loop = Loop(
        cell=name,
        seeds=count,
        replicas=where,
        train_steps=programs.train_steps,
        train=plan.train,
        journal=directory.journal,
        checkpoints=checkpoints,
        callbacks=list(_callbacks(name, plan, directory, programs, seeds, sites)),
        progress=progress,
        signalled=signalled,
    )
    fitted, failure, test, curves = None, None, None, {}
    try:
        fitted = fit(loop, programs.first, seeds)
        flow["trained"] = curves_of(fitted.states)
        if programs.test is not None:
            test = where.get(programs.test(fitted.states, seeds))
        if programs.curves is not None:
            curves = where.get(programs.curves(fitted.states, seeds))
    except Diverged as error:
        failure = str(error)
        progress.say(f"{name}: {failure}; its training ends here")
    finally:
        checkpoints.close()
    parameters = jax.tree.leaves(where.get(programs.first).params)
    size = sum(leaf[0].size for leaf in parameters)
    seconds, placement = programs.seconds, where.description
    return CellResult(size, fitted, flow, failure, seconds, placement, test, curves)


def _callbacks(
    name: str,
    plan: Plan,
    directory: Run,
    programs: Programs,
    seeds: jax.Array,
    sites: Sequence[str],
) -> Iterator[Callback]:
    get, flow, gates = programs.replicas.get, programs.flow, programs.gates
    if gates is not None:

        def measure(states):
            found = get({"log10_norm": flow(states, seeds), **gates(states, seeds)})
            return {quantity: in_order(named, sites) for quantity, named in found.items()}

        yield flow_recorder(name, plan.train.flow_every, measure, directory.flow)
    if programs.text is not None:
        every = plan.train.checkpoint_every
        yield sample_recorder(name, every, programs.text, directory.samples)
