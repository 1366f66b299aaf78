# SPDX-License-Identifier: Apache-2.0
"""Eight seeds of the copy task as one program, beside eight runs of a Flax model.

    python -m experiments.speed.seeds

An LSTM of 128 units, lag 500, batches of 20, Adam: the train steps of the bench, drawing
its batches on the device. `recur` takes all seeds at once, the Flax model, with the same
readout, optimizer and batches, one run after the other. Then what it costs to record the
gradient flow and the gates every 50 steps, for the cells of the default run. Two minutes on
two cores.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import numpy as np

import recur
from experiments.benchmarks.base import Benchmark
from experiments.benchmarks.memory.copy_memory import CopyMemory, copy_memory
from experiments.config.settings import Front, Train
from experiments.launch.plan import make_plan
from experiments.networks.sequence import Network, network
from experiments.speed.measure import ROUNDS, in_turn, spread
from experiments.training import compile_cache as backend
from experiments.training.devices import replicas
from experiments.training.gate_levels import make_levels
from experiments.training.lag_curves import make_curves
from experiments.training.trainer import make_trainer


CELLS = tuple(Front().cells.split(","))
"""Those of the default run."""

EVERY = 50
"""Steps between two records of the gradient flow."""


class InFlax(NamedTuple):
    """A Flax model where the trainer expects a `Model`: it always begins anew."""

    apply: Callable[[jax.Array], jax.Array]

    def __call__(self, xs: jax.Array) -> jax.Array:
        """`[T, B, I] -> [T, B, O]`."""
        return self.apply(xs)

    def go_on(self, xs: jax.Array, state: None) -> tuple[None, jax.Array]:
        """`(None, logits [T, B, O])`."""
        return state, self.apply(xs)


def in_flax(hidden: int, benchmark: Benchmark) -> Network:
    """The network of the bench around an LSTM, written in Flax alone."""
    layers = [
        nn.RNN(nn.OptimizedLSTMCell(hidden), time_major=True),
        nn.Dense(benchmark.output_size),
    ]
    model = nn.Sequential(layers)
    shape = benchmark.steps, 1, benchmark.input_size
    apply: Any = model.apply
    bind: Any = lambda params: InFlax(lambda xs: apply(params, xs))
    return Network(lambda key: model.init(key, np.zeros(shape, np.float32)), bind)


def training(
    net: Network, benchmark: Benchmark, train: Train, seeds: int
) -> Callable[[], Any]:
    """A call trains all seeds for `train.steps` from their start."""
    way = replicas(seeds)
    trainer = make_trainer(net, benchmark, train)
    seed = jax.ShapeDtypeStruct((), np.int32)
    state = jax.eval_shape(trainer.init, seed)
    advance = way.compile(trainer.advance, state, seed, seed)
    numbers = way.place(np.arange(seeds, dtype=np.int32))
    stops = way.place(np.full(seeds, train.steps, np.int32))
    init = jax.jit(trainer.init)
    states = [jax.device_get(init(np.int32(i))) for i in range(seeds)]
    first = way.place(jax.tree.map(lambda *leaves: np.stack(leaves), *states))
    return lambda: jax.block_until_ready(advance(first, numbers, stops))


def together(seeds: int, lag: int, hidden: int, steps: int, rounds: tuple[int, int]) -> str:
    """The time of so many runs in Flax over that of so many seeds here."""
    task = copy_memory(CopyMemory(lag=lag))
    train = Train(
        steps=steps, batch=20, log_every=steps, eval_every=steps, checkpoint_every=steps,
        eval_batch=20,
    )  # fmt: skip
    ours = training(network(recur.lstm(hidden), task), task, train, seeds)
    one = training(in_flax(hidden, task), task, train, 1)
    calls = {"recur": ours, "flax": lambda: [one() for _ in range(seeds)]}
    taken = in_turn(calls, rounds)
    ratio = spread(taken["flax"] / taken["recur"])
    return (
        f"{seeds} seeds, {steps} steps: {np.median(taken['recur']):.3g} s, in flax "
        f"{np.median(taken['flax']):.3g} s, ratio {ratio.median:.2f} "
        f"[{ratio.low:.2f}, {ratio.high:.2f}]; {replicas(seeds).words}"
    )


def recording(name: str, rounds: tuple[int, int]) -> str:
    """What a record of gradient flow and gates takes of `EVERY` steps of the default run."""
    plan = make_plan({"cells": name, "seeds": 1})
    train = Train(
        steps=EVERY, batch=plan.train.batch, eval_every=EVERY, checkpoint_every=EVERY
    )
    net = network(plan.cells[name], plan.benchmark)
    curves = make_curves(net, plan.benchmark, plan.train.flow_batch)
    levels = make_levels(net, plan.benchmark)
    given = net.init(jax.random.key(0)), np.int32(0)
    record = jax.jit(lambda *given: (curves(*given), levels(*given))).lower(*given).compile()
    calls = {
        "steps": training(net, plan.benchmark, train, 1),
        "record": lambda: jax.block_until_ready(record(*given)),
    }
    taken = in_turn(calls, rounds)
    share = spread(taken["record"] / taken["steps"])
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
    backend.prepare()
    print(together(8, lag, hidden, steps, rounds), flush=True)
    for name in names:
        print(recording(name, rounds), flush=True)


if __name__ == "__main__":
    main()
