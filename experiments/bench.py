# SPDX-License-Identifier: Apache-2.0
"""A run: train every cell, measure its gradient flow, write down what came out."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from experiments import figures, report, runs, summary
from experiments.atomic import write_whole
from experiments.checkpoint import Checkpoints
from experiments.gradient_flow import make_curves
from experiments.interrupts import Interrupted, deferred
from experiments.loop import Diverged, Loop, fit
from experiments.model import network
from experiments.outcome import Outcome
from experiments.plan import Plan
from experiments.progress import Progress
from experiments.train import TrainState, make_trainer, over_seeds


class Programs(NamedTuple):
    """The compiled programs of one cell, each over all seeds.

    Attributes:
      init: `seeds -> TrainState`.
      advance: `(states, seeds, stops) -> (states, Stretch)`.
      curves: `(params, seeds) -> {leaf: [S, T]}`.
      seconds: wall time of compilation.
    """

    init: Callable[..., TrainState]
    advance: Callable[..., Any]
    curves: Callable[..., Any]
    seconds: float


def run(plan: Plan, directory: runs.Run, progress: Progress) -> summary.Summary:
    """Do everything that the plan says, in the directory.

    Returns:
      The summary of the run, as in summary.json.

    Raises:
      Interrupted: a signal asked to stop; a checkpoint was saved.
    """
    started = time.monotonic()
    with deferred() as signalled, ThreadPoolExecutor(os.cpu_count()) as threads:
        # One program leaves most of a core idle, so cells run side by side; each
        # computes the bits that it would alone.
        futures = {
            name: threads.submit(run_cell, name, plan, directory, progress, signalled)
            for name in plan.cells
        }
        outcomes = {name: future.result() for name, future in futures.items()}
    directory.journal.sort(plan.cells)
    figures.draw(plan, directory, outcomes)
    summed = summary.summarize(plan, outcomes, time.monotonic() - started)
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
    seeds = jnp.arange(plan.front.seeds, dtype=jnp.int32)
    programs = compile_programs(plan, name, seeds)
    first = programs.init(seeds)
    curves = {"init": jax.device_get(programs.curves(first.params, seeds))}
    checkpoints = Checkpoints(directory.path / runs.CHECKPOINTS / name)
    loop = Loop(
        cell=name,
        advance=programs.advance,
        train=plan.train,
        journal=directory.journal,
        checkpoints=checkpoints,
        progress=progress,
        signalled=signalled,
    )
    fitted, failure = None, None
    try:
        fitted = fit(loop, first, seeds)
        curves["trained"] = jax.device_get(programs.curves(fitted.states.params, seeds))
    except Diverged as error:
        failure = str(error)
        progress.say(f"{name}: {failure}; its run ends here")
    finally:
        checkpoints.close()
    size = sum(leaf[0].size for leaf in jax.tree.leaves(first.params))
    return Outcome(size, fitted, curves, failure, programs.seconds)


def compile_programs(plan: Plan, name: str, seeds: jax.Array) -> Programs:
    """Compile all that one cell needs, ahead of its first use."""
    began = time.monotonic()
    net = network(plan.cells[name], plan.benchmark)
    trainer = make_trainer(net, plan.benchmark, plan.train)
    flow = make_curves(net, plan.benchmark, plan.train.flow_batch)

    def compiled(function, *args):
        return jax.jit(over_seeds(function)).lower(*args).compile()

    states = jax.eval_shape(jax.vmap(trainer.init), seeds)
    return Programs(
        init=compiled(trainer.init, seeds),
        advance=compiled(trainer.advance, states, seeds, seeds),
        curves=compiled(flow, states.params, seeds),
        seconds=time.monotonic() - began,
    )
