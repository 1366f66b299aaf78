# SPDX-License-Identifier: Apache-2.0
"""The loop on the host: stretches of training, rows, checkpoints, and when to stop."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from experiments.config.settings import Train
from experiments.runs.checkpoint import Checkpoints
from experiments.runs.journal import Journal, Row
from experiments.training.devices import Replicas
from experiments.training.interrupts import Interrupted
from experiments.training.progress import Progress
from experiments.training.trainer import Stretch, TrainState


class Diverged(Exception):
    """A loss that is no longer finite; the message says where."""


class Watcher(Protocol):
    """Sees the states at every evaluation, and keeps of them what it is there for."""

    def begin(self, step: int, states: Any) -> None:
        """Training goes on from here: forget what was kept past this step."""

    def record(self, step: int, states: Any) -> float:
        """Keep what this step is to be kept of; the seconds that were computing."""


class Fit(NamedTuple):
    """A trained cell.

    Attributes:
      states: the final states, as programs take them.
      evaluation: `[seeds]` held-out loss and metrics at the end.
      seconds: wall time of training, checkpoints and earlier sessions of the run included.
      computing: the part of it in the compiled stretches.
    """

    states: TrainState
    evaluation: dict[str, np.ndarray]
    seconds: float
    computing: float


class Loop(NamedTuple):
    """What training one cell needs besides its state.

    Attributes:
      cell: its name.
      seeds: how many seeds it has.
      replicas: how they are computed.
      advance: compiled `(states, seeds, stops) -> (states, Stretch)`.
      train: how to train.
      journal: where rows go.
      checkpoints: where states go.
      watchers: those who keep what they see as training goes.
      progress: who is told.
      signalled: returns the signal that asked to stop, or None.
    """

    cell: str
    seeds: int
    replicas: Replicas
    advance: Callable[..., tuple[TrainState, Stretch]]
    train: Train
    journal: Journal
    checkpoints: Checkpoints
    watchers: Sequence[Watcher]
    progress: Progress
    signalled: Callable[[], int | None]


def fit(loop: Loop, states: TrainState, seeds: jax.Array) -> Fit:
    """Train from the newest checkpoint, or from `states`, to the last step.

    Raises:
      Diverged: a loss stopped being finite.
      Interrupted: a signal asked to stop; a checkpoint was saved.
    """
    states, note = _restore(loop, states)
    step = int(loop.replicas.fetch(states).step[0])
    while step < loop.train.steps:
        began = time.monotonic()
        stop = min(step + loop.train.eval_every, loop.train.steps)
        stops = loop.replicas.place(np.full(loop.seeds, stop, np.int32))
        states, stretch = loop.advance(states, seeds, stops)
        stretch = loop.replicas.fetch(stretch)
        note["computing"] += time.monotonic() - began
        _record(loop, stretch, step, stop)
        step = stop
        note["computing"] += sum(w.record(step, states) for w in loop.watchers)
        note["evaluation"] = {k: v.tolist() for k, v in stretch.evaluation.items()}
        note["seconds"] += time.monotonic() - began
        signum = loop.signalled()
        if signum or step == loop.train.steps or step % loop.train.checkpoint_every == 0:
            began = time.monotonic()
            loop.checkpoints.save(step, loop.replicas.fetch(states), note)
            note["seconds"] += time.monotonic() - began
        if signum:
            raise Interrupted(signum)
    evaluation = {k: np.asarray(v) for k, v in note["evaluation"].items()}
    return Fit(states, evaluation, note["seconds"], note["computing"])


def _restore(loop: Loop, states: TrainState) -> tuple[TrainState, dict[str, Any]]:
    """The newest checkpoint, with the journal cut back to it."""
    restored = loop.checkpoints.restore(loop.replicas.fetch(states))
    note: dict[str, Any] = {"seconds": 0.0, "computing": 0.0, "evaluation": {}}
    if restored is not None:
        states, note = loop.replicas.place(restored.tree), {**note, **restored.note}
        for fault in restored.faults:
            loop.progress.say(f"{loop.cell}: checkpoint moved aside, {fault}")
    step = int(loop.replicas.fetch(states).step[0])
    loop.journal.keep(lambda row: row["cell"] != loop.cell or row["step"] <= step)
    for watcher in loop.watchers:
        watcher.begin(step, states)
    return states, note


def _record(loop: Loop, stretch: Stretch, start: int, stop: int) -> None:
    """Write down the steps after `start` up to `stop`, as far as they are finite.

    Raises:
      Diverged: they are not.
    """
    finite = np.isfinite(stretch.loss[:, : stop - start])
    if finite.all() and np.isfinite(stretch.evaluation["eval_loss"]).all():
        loop.journal.append(_rows(loop, stretch, start, stop))
        loop.progress.advance(loop.cell, stop, stretch)
        return
    # An evaluation that is not finite after losses that are belongs to the last step.
    step = stop if finite.all() else start + int((~finite).any(0).argmax()) + 1
    losses = np.asarray(stretch.loss)[:, step - start - 1]
    lost = stretch.evaluation["eval_loss"] if finite.all() else losses
    seed = int((~np.isfinite(lost)).argmax())
    rows = [row for row in _rows(loop, stretch, start, stop) if row["step"] < step]
    end = {"cell": loop.cell, "seed": seed, "step": step, "loss": None}
    loop.journal.append([*rows, end])
    raise Diverged(f"the loss of seed {seed} is {lost[seed]} at step {step}")


def _rows(loop: Loop, stretch: Stretch, start: int, stop: int) -> Iterator[Row]:
    """Means over `log_every` steps for each seed; an evaluation with the last of them."""
    every = loop.train.log_every
    for begin in range(start, stop, every):
        end = min(begin + every, stop)
        window = slice(begin - start, end - start)
        for seed in range(len(stretch.loss)):
            row = {
                "cell": loop.cell,
                "seed": seed,
                "step": end,
                "loss": float(stretch.loss[seed, window].mean()),
                "grad_norm": float(stretch.grad_norm[seed, window].mean()),
            }
            if end == stop:
                row |= {k: float(v[seed]) for k, v in stretch.evaluation.items()}
            yield row
