# SPDX-License-Identifier: Apache-2.0
"""The compiled programs of one cell, each for all seeds."""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.benchmarks.base import Benchmark
from experiments.config.settings import Train
from experiments.networks.base import Network
from experiments.training.devices import Replicas, replicas
from experiments.training.evaluation import make_evaluate
from experiments.training.gate_statistics import make_gate_statistics
from experiments.training.keys import keys_of
from experiments.training.lag_curves import make_curves
from experiments.training.sampling import make_sampler
from experiments.training.trainer import TrainState, arrays_of, make_trainer


class Programs(NamedTuple):
    """The compiled programs of one cell.

    Attributes:
      replicas: where the seeds are computed.
      first: the states before training.
      train_steps: `(states, seeds, stops) -> (states, TrainLog)`.
      flow: `(states, seeds) -> {state name: [S, T]}`, lag curves.
      gates: `(states, seeds) -> {quantity: {name: [S, ...]}}`; None if not recorded.
      curves: `(states, seeds) -> {name: [S, N]}`, the curves of the benchmark; or None.
      test: `(states, seeds) -> {"final": ..., "best": ...}`; None without a test set.
      text: `params of one seed -> str`, a sample; None if the network cannot write.
      seconds: wall time of compilation.
    """

    replicas: Replicas
    first: TrainState
    train_steps: Callable[..., Any]
    flow: Callable[..., Any]
    gates: Callable[..., Any] | None
    curves: Callable[..., Any] | None
    test: Callable[..., Any] | None
    text: Callable[[Any], str] | None
    seconds: float


def compile_programs(
    network: Network, benchmark: Benchmark, train: Train, seeds: int
) -> Programs:
    """Compile everything that one cell needs, before its first use."""
    began = time.monotonic()
    trainer = make_trainer(network, benchmark, train)
    where = replicas(seeds)
    arrays = where.share(arrays_of(benchmark))
    seed = jax.ShapeDtypeStruct((), np.int32)
    state = jax.eval_shape(trainer.init, seed)

    def of_params(measure):
        function = lambda arrays, state, seed: measure(arrays, state.params, seed)
        return where.compile(function, arrays, state, seed)

    return Programs(
        replicas=where,
        first=where.put(initial_states(trainer.init, seeds)),
        train_steps=where.compile(trainer.train_steps, arrays, state, seed, seed),
        flow=of_params(make_curves(network, benchmark, train.flow_batch)),
        gates=of_params(make_gate_statistics(network, benchmark))
        if train.flow_every
        else None,
        curves=where.compile(
            make_benchmark_curves(network, benchmark, train), arrays, state, seed
        )
        if benchmark.curves
        else None,
        test=where.compile(trainer.test, arrays, state, seed) if trainer.test else None,
        text=make_sampler(network, benchmark),
        seconds=time.monotonic() - began,
    )


def initial_states(init: Callable[[Any], TrainState], seeds: int) -> TrainState:
    """The states of all seeds before training, NumPy arrays `[S, ...]`.

    Seeds are drawn one after the other. Under vmap, jaxlib's QR of several matrices waits
    for threads that other cells keep busy.
    """
    compiled = jax.jit(init)
    states = [jax.device_get(compiled(np.int32(seed))) for seed in range(seeds)]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *states)


def make_benchmark_curves(
    network: Network, benchmark: Benchmark, train: Train
) -> Callable[..., Mapping[str, jax.Array]]:
    """The curves of a benchmark on its test set, else on its validation set."""
    measures = {name: curve.terms for name, curve in benchmark.curves.items()}
    data = benchmark.test or benchmark.validation
    name = "test" if benchmark.test else "validation"
    evaluate = make_evaluate(network, data, measures, train)

    def curves(arrays, state, seed):
        params = state.best.params if benchmark.test else state.params
        return evaluate(arrays[name], params, getattr(keys_of(seed), name))

    return curves
