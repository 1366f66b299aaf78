# SPDX-License-Identifier: Apache-2.0
"""Time eight seeds of the copy task against eight runs of a Flax model.

    python -m experiments.speed.seeds

An LSTM of 128 units, lag 500, batches of 20, Adam: train steps that draw their batches on
the device. `recur` trains all seeds at once; the Flax model, with the same readout,
optimizer and batches, trains one after the other. Then the cost of recording gradient flow
and gates every 50 steps, for the cells of the default run. Two minutes on two cores.
"""

from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import numpy as np

import recur
from experiments.benchmarks.base import Benchmark
from experiments.benchmarks.memory.copy_memory import CopyMemory, copy_memory
from experiments.config.settings import RunConfig, Train
from experiments.launch.plan import make_plan
from experiments.networks.base import Network
from experiments.networks.recurrent import make_recurrent
from experiments.speed.measure import ROUNDS, in_turn, quartiles
from experiments.training.compile_cache import prepare
from experiments.training.devices import replicas
from experiments.training.gate_statistics import make_gate_statistics
from experiments.training.lag_curves import make_curves
from experiments.training.programs import initial_states
from experiments.training.trainer import arrays_of, make_trainer


CELLS = tuple(RunConfig().cells.split(","))
"""The cells of the default run."""

EVERY = 50
"""Steps between two records of the gradient flow."""


def in_flax(hidden: int, outputs: int, benchmark: Benchmark) -> Network:
    """The network of the benchmark around an LSTM, written in Flax alone."""
    layers = [
        nn.RNN(nn.OptimizedLSTMCell(hidden), time_major=True),
        nn.Dense(outputs),
    ]
    size = len(benchmark.vocabulary)
    model = nn.Sequential(layers)
    run: Any = model.apply

    def apply(params, batch, carry, key):
        del carry, key
        return run(params, jax.nn.one_hot(batch.inputs, size)), ()

    def sites(params, batch, loss):
        # The recurrence inside a Flax layer is no cell of `recur`.
        del params, batch, loss
        return {}

    example = np.zeros((benchmark.steps, 1, size), np.float32)
    return Network(lambda key: model.init(key, example), apply, sites, ())


def training(
    net: Network, benchmark: Benchmark, train: Train, seeds: int
) -> Callable[[], Any]:
    """A function that trains all seeds for `train.steps`."""
    devices = replicas(seeds)
    trainer = make_trainer(net, benchmark, train)
    seed = jax.ShapeDtypeStruct((), np.int32)
    state = jax.eval_shape(trainer.init, seed)
    arrays = devices.share(arrays_of(benchmark))
    train_steps = devices.compile(trainer.train_steps, arrays, state, seed, seed)
    numbers = devices.put(np.arange(seeds, dtype=np.int32))
    stops = devices.put(np.full(seeds, train.steps, np.int32))
    first = devices.put(initial_states(trainer.init, seeds))
    return lambda: jax.block_until_ready(train_steps(first, numbers, stops))


def together(seeds: int, lag: int, hidden: int, steps: int, rounds: tuple[int, int]) -> str:
    """Time of the runs in Flax over the time of the seeds here."""
    config = CopyMemory(lag=lag)
    task = copy_memory(config)
    train = Train(
        steps=steps, batch=20, log_every=steps, eval_every=steps, checkpoint_every=steps,
        eval_batch=20,
    )  # fmt: skip
    ours = training(task.network(make_recurrent(recur.lstm(hidden))), task, train, seeds)
    one = training(in_flax(hidden, config.symbols + 1, task), task, train, 1)
    calls = {"recur": ours, "flax": lambda: [one() for _ in range(seeds)]}
    taken = in_turn(calls, rounds)
    ratio = quartiles(taken["flax"] / taken["recur"])
    return (
        f"{seeds} seeds, {steps} steps: {np.median(taken['recur']):.3g} s, in flax "
        f"{np.median(taken['flax']):.3g} s, ratio {ratio.median:.2f} "
        f"[{ratio.low:.2f}, {ratio.high:.2f}]; {replicas(seeds).description}"
    )


def recording(name: str, rounds: tuple[int, int]) -> str:
    """Time of one record of gradient flow and gates over that of `EVERY` train steps."""
    plan = make_plan({"cells": name, "seeds": 1})
    train = Train(
        steps=EVERY, batch=plan.train.batch, eval_every=EVERY, checkpoint_every=EVERY
    )
    net = plan.network(name)
    curves = make_curves(net, plan.benchmark, plan.train.flow_batch)
    gates = make_gate_statistics(net, plan.benchmark)
    given = arrays_of(plan.benchmark), net.init(jax.random.key(0)), np.int32(0)
    record = jax.jit(lambda *given: (curves(*given), gates(*given))).lower(*given).compile()
    calls = {
        "steps": training(net, plan.benchmark, train, 1),
        "record": lambda: jax.block_until_ready(record(*given)),
    }
    taken = in_turn(calls, rounds)
    share = quartiles(taken["record"] / taken["steps"])
    return (
        f"{name}: a record every {EVERY} steps takes {share.median:.1%} "
        f"[{share.low:.1%}, {share.high:.1%}] of their time"
    )


def main(
    lag: int = 500,
    hidden: int = 128,
    steps: int = 10,
    names: Sequence[str] = CELLS,
    rounds: tuple[int, int] = ROUNDS,
) -> None:
    """Print one line for each measurement."""
    prepare()
    print(together(8, lag, hidden, steps, rounds), flush=True)
    for name in names:
        print(recording(name, rounds), flush=True)


if __name__ == "__main__":
    main()
