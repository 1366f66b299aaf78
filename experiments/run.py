# SPDX-License-Identifier: Apache-2.0
"""A run: train every cell, measure its gradient flow, write down what came out."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.launch.plan import Plan
from experiments.networks.sequence import network
from experiments.reporting import curve_figure as profile_figure
from experiments.reporting import (
    figures,
    gates_figure,
    report,
    summary,
    training_figure,
)
from experiments.reporting.curve_figure import make_profile
from experiments.runs import directory as runs
from experiments.runs.atomic import write_whole
from experiments.runs.checkpoint import Checkpoints
from experiments.training.cell_result import Outcome
from experiments.training.devices import Replicas, replicas
from experiments.training.flow_recorder import Recorder
from experiments.training.gate_levels import make_levels
from experiments.training.interrupts import Interrupted, deferred
from experiments.training.lag_curves import make_curves
from experiments.training.loop import Diverged, Loop, Watcher, fit
from experiments.training.progress import Progress
from experiments.training.sampling import Scribe, writer
from experiments.training.trainer import TrainState, make_trainer


AT_ONCE = 2 * (os.cpu_count() or 1)
"""Cells that run side by side."""

COMPILING = threading.Lock()
"""Held to compile: it has threads of its own, and two at once take longer than in turn."""


class Programs(NamedTuple):
    """The compiled programs of one cell, each over all seeds.

    Attributes:
      replicas: where the seeds are computed.
      first: the states to begin with.
      advance: `(states, seeds, stops) -> (states, Stretch)`.
      curves: `(states, seeds) -> {leaf: [S, T]}`.
      levels: `(states, seeds) -> {quantity: {name: [S, ...]}}` of the gates, or None where
        nothing is recorded as training goes.
      profile: `(states, seeds) -> [S, N]`, or None.
      text: `params of one seed -> str`, what it writes, or None.
      seconds: wall time of compilation.
    """

    replicas: Replicas
    first: TrainState
    advance: Callable[..., Any]
    curves: Callable[..., Any]
    levels: Callable[..., Any] | None
    profile: Callable[..., Any] | None
    text: Callable[[Any], str] | None
    seconds: float


def run(plan: Plan, directory: runs.Run, progress: Progress) -> summary.Summary:
    """Do everything that the plan says, in the directory.

    Returns:
      The summary of the run, as in summary.json.

    Raises:
      Interrupted: a signal asked to stop; a checkpoint was saved.
    """
    started = time.monotonic()
    with deferred() as signalled, ThreadPoolExecutor(AT_ONCE) as threads:
        # A core that has no seed of one cell to compute has those of the others.
        futures = {
            name: threads.submit(run_cell, name, plan, directory, progress, signalled)
            for name in plan.cells
        }
        outcomes = {name: future.result() for name, future in futures.items()}
    for journal in (directory.journal, directory.flow, directory.samples):
        journal.sort(plan.cells)
    figures.draw(plan, directory, outcomes)
    training_figure.draw(plan, directory)
    gates_figure.draw(plan, directory)
    profile_figure.draw(plan, directory, outcomes)
    summed = summary.summarize(
        plan, outcomes, directory.journal.read(), time.monotonic() - started
    )
    write_whole(directory.path / runs.SUMMARY, summary.to_json(summed))
    write_whole(directory.path / runs.REPORT, report.render(plan, directory, summed))
    return summed


def run_cell(
    name: str,
    plan: Plan,
    directory: runs.Run,
    progress: Progress,
    signalled: Callable[[], int | None],
) -> Outcome:
    """Train one cell with all its seeds; measure gradient flow before and after.

    Raises:
      Interrupted: a signal asked to stop; a checkpoint was saved.
    """
    if signum := signalled():
        raise Interrupted(signum)
    progress.begin(name)
    with COMPILING:
        programs = compile_programs(plan, name)
    way = programs.replicas
    seeds = way.place(np.arange(plan.front.seeds, dtype=np.int32))
    flow = lambda states: way.fetch(programs.curves(states, seeds))
    curves = {"init": flow(programs.first)}
    profile = None
    checkpoints = Checkpoints(directory.path / runs.CHECKPOINTS / name)
    loop = Loop(
        cell=name,
        seeds=plan.front.seeds,
        replicas=way,
        advance=programs.advance,
        train=plan.train,
        journal=directory.journal,
        checkpoints=checkpoints,
        watchers=list(_watchers(name, plan, directory, programs, seeds)),
        progress=progress,
        signalled=signalled,
    )
    fitted, failure = None, None
    try:
        fitted = fit(loop, programs.first, seeds)
        curves["trained"] = flow(fitted.states)
        if programs.profile is not None:
            profile = way.fetch(programs.profile(fitted.states, seeds))
    except Diverged as error:
        failure = str(error)
        progress.say(f"{name}: {failure}; its run ends here")
    finally:
        checkpoints.close()
    parameters = jax.tree.leaves(way.fetch(programs.first).params)
    size = sum(leaf[0].size for leaf in parameters)
    return Outcome(size, fitted, curves, failure, programs.seconds, way.words, profile)


def _watchers(
    name: str, plan: Plan, directory: runs.Run, programs: Programs, seeds: Any
) -> Iterator[Watcher]:
    """Those who keep what they see as the cell is trained."""
    fetch, curves, levels = programs.replicas.fetch, programs.curves, programs.levels
    if levels is not None:

        def measure(states):
            found = {"log10_norm": curves(states, seeds), **levels(states, seeds)}
            return fetch(found)

        yield Recorder(name, plan.train.flow_every, measure, directory.flow)
    if programs.text is not None:
        every = plan.train.checkpoint_every
        yield Scribe(name, every, programs.text, directory.samples)


def compile_programs(plan: Plan, name: str) -> Programs:
    """Compile all that one cell needs, ahead of its first use."""
    began = time.monotonic()
    net = network(plan.cells[name], plan.benchmark, plan.model.precision, plan.model.layers)
    trainer = make_trainer(net, plan.benchmark, plan.train)
    flow = make_curves(net, plan.benchmark, plan.train.flow_batch)
    levels = make_levels(net, plan.benchmark)
    measure = make_profile(net, plan.benchmark, plan.train.eval_batch)
    way = replicas(plan.front.seeds)
    seed = jax.ShapeDtypeStruct((), np.int32)
    state = jax.eval_shape(trainer.init, seed)
    # Not under vmap: a QR of several matrices waits for threads that other cells keep busy.
    init = jax.jit(trainer.init)
    states = [jax.device_get(init(np.int32(i))) for i in range(plan.front.seeds)]
    return Programs(
        replicas=way,
        first=way.place(jax.tree.map(lambda *leaves: np.stack(leaves), *states)),
        advance=way.compile(trainer.advance, state, seed, seed),
        curves=way.compile(lambda state, seed: flow(state.params, seed), state, seed),
        levels=way.compile(lambda state, seed: levels(state.params, seed), state, seed)
        if plan.train.flow_every
        else None,
        profile=measure
        and way.compile(lambda state, seed: measure(state.params, seed), state, seed),
        text=writer(net, plan.benchmark) if plan.benchmark.spells else None,
        seconds=time.monotonic() - began,
    )
