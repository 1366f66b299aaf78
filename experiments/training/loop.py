# SPDX-License-Identifier: Apache-2.0
"""The training loop on the host: compiled steps, rows, checkpoints, signals."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.config.settings import Train
from experiments.runs.checkpoint import Checkpoints
from experiments.runs.journal import Journal, Row
from experiments.training.callbacks import Callback
from experiments.training.devices import Replicas
from experiments.training.evaluation import LOSS
from experiments.training.interrupts import Interrupted
from experiments.training.progress import Progress
from experiments.training.trainer import TrainLog, TrainState


class Diverged(Exception):
    """A loss that is not finite; the message says where."""


class Fit(NamedTuple):
    """A trained cell.

    Attributes:
      states: the final states, on the devices.
      evaluation: validation loss and metrics after the last step, `[S]` each.
      seconds: wall time of training, including checkpoints and interrupted processes.
      computing: part of it inside the compiled steps.
    """

    states: TrainState
    evaluation: dict[str, np.ndarray]
    seconds: float
    computing: float


class Loop(NamedTuple):
    """What the training of one cell needs besides its state.

    Attributes:
      cell: name of the cell.
      seeds: number of seeds.
      replicas: where the seeds are computed.
      train_steps: compiled `(states, seeds, stops) -> (states, TrainLog)`.
      train: the settings.
      journal: where metrics go.
      checkpoints: where states go.
      callbacks: called after every evaluation.
      progress: what the user sees.
      signalled: returns the signal that asked to stop, or None.
    """

    cell: str
    seeds: int
    replicas: Replicas
    train_steps: Callable[..., tuple[TrainState, TrainLog]]
    train: Train
    journal: Journal
    checkpoints: Checkpoints
    callbacks: Sequence[Callback]
    progress: Progress
    signalled: Callable[[], int | None]


def fit(loop: Loop, states: TrainState, seeds: jax.Array) -> Fit:
    """Train from the newest checkpoint, or from `states`, to the last step.

    Raises:
      Diverged: a loss is not finite.
      Interrupted: a signal asked to stop; a checkpoint was saved.
    """
    states, note = _restore(loop, states)
    step = int(loop.replicas.get(states).step[0])
    while step < loop.train.steps:
        began = time.monotonic()
        stop = min(step + loop.train.eval_every, loop.train.steps)
        stops = loop.replicas.put(np.full(loop.seeds, stop, np.int32))
        states, log = loop.train_steps(states, seeds, stops)
        log = loop.replicas.get(log)
        note["computing"] += time.monotonic() - began
        _record(loop, log, step, stop)
        step = stop
        note["computing"] += sum(c.record(step, states) for c in loop.callbacks)
        note["evaluation"] = {k: v.tolist() for k, v in log.evaluation.items()}
        note["seconds"] += time.monotonic() - began
        signum = loop.signalled()
        if signum or step == loop.train.steps or step % loop.train.checkpoint_every == 0:
            began = time.monotonic()
            loop.checkpoints.save(step, loop.replicas.get(states), note)
            note["seconds"] += time.monotonic() - began
        if signum:
            raise Interrupted(signum)
    evaluation = {k: np.asarray(v) for k, v in note["evaluation"].items()}
    return Fit(states, evaluation, note["seconds"], note["computing"])


def _restore(loop: Loop, states: TrainState) -> tuple[TrainState, dict[str, Any]]:
    """The newest checkpoint, with the journal cut back to its step."""
    restored = loop.checkpoints.restore(loop.replicas.get(states))
    note: dict[str, Any] = {"seconds": 0.0, "computing": 0.0, "evaluation": {}}
    if restored is not None:
        states, note = loop.replicas.put(restored.tree), {**note, **restored.note}
        for fault in restored.faults:
            loop.progress.say(f"{loop.cell}: checkpoint moved aside, {fault}")
    step = int(loop.replicas.get(states).step[0])
    loop.journal.keep(lambda row: row["cell"] != loop.cell or row["step"] <= step)
    for callback in loop.callbacks:
        callback.begin(step, states)
    return states, note


def _record(loop: Loop, log: TrainLog, start: int, stop: int) -> None:
    """Write the rows of steps start+1 to stop, up to the first loss that is not finite.

    Raises:
      Diverged: a loss is not finite.
    """
    finite = np.isfinite(log.loss[:, : stop - start])
    if finite.all() and np.isfinite(log.evaluation[LOSS]).all():
        loop.journal.append(_rows(loop, log, start, stop))
        loop.progress.update(loop.cell, stop, log.evaluation)
        return
    # If only the evaluation is not finite, the last step is to blame.
    step = stop if finite.all() else start + int((~finite).any(0).argmax()) + 1
    losses = np.asarray(log.loss)[:, step - start - 1]
    lost = log.evaluation[LOSS] if finite.all() else losses
    seed = int((~np.isfinite(lost)).argmax())
    rows = [row for row in _rows(loop, log, start, stop) if row["step"] < step]
    end = {"cell": loop.cell, "seed": seed, "step": step, "loss": None}
    loop.journal.append([*rows, end])
    raise Diverged(f"the loss of seed {seed} is {lost[seed]} at step {step}")


def _rows(loop: Loop, log: TrainLog, start: int, stop: int) -> Iterator[Row]:
    """Means over `log_every` steps for each seed, with the evaluation in the last row."""
    every = loop.train.log_every
    evaluation = {"eval_loss": log.evaluation[LOSS], **log.evaluation}
    del evaluation[LOSS]
    for begin in range(start, stop, every):
        end = min(begin + every, stop)
        window = slice(begin - start, end - start)
        for seed in range(len(log.loss)):
            row = {
                "cell": loop.cell,
                "seed": seed,
                "step": end,
                "loss": float(log.loss[seed, window].mean()),
                "grad_norm": float(log.grad_norm[seed, window].mean()),
            }
            if end == stop:
                row |= {name: float(v[seed]) for name, v in sorted(evaluation.items())}
            yield row
