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
from experiments.training.lag_curves import by_site, make_curves
from experiments.training.sampling import make_sampler
from experiments.training.trainer import TrainState, arrays_of, make_trainer


class Programs(NamedTuple):
    """The compiled programs of one cell.

    Attributes:
      replicas: where the seeds are computed.
      first: the states before training.
      train_steps: `(states, seeds, stops) -> (states, TrainLog)`.
      flow: `(states, seeds) -> {state name: [S, T]}`, lag curves as NumPy arrays.
      gates: `(states, seeds) -> {quantity: {name: [S, ...]}}`, likewise; None if not
        recorded.
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
    devices = replicas(seeds)
    arrays = devices.share(arrays_of(benchmark))
    seed = jax.ShapeDtypeStruct((), np.int32)
    state = jax.eval_shape(trainer.init, seed)

    def measuring(measure):
        """The compiled program of `(arrays, state, seed) -> dict`, or None for None."""
        if measure is None:
            return None
        compiled = devices.compile(measure, arrays, state, seed)

        def program(states, seeds):
            found = devices.get(compiled(states, seeds))
            return by_site(found, network.site_names)

        return program

    gates = make_gate_statistics(network, benchmark) if train.flow_every else None
    return Programs(
        replicas=devices,
        first=devices.put(initial_states(trainer.init, seeds)),
        train_steps=devices.compile(trainer.train_steps, arrays, state, seed, seed),
        flow=measuring(of_params(make_curves(network, benchmark, train.flow_batch))),
        gates=measuring(gates and of_params(gates)),
        curves=measuring(make_benchmark_curves(network, benchmark, train)),
        test=measuring(trainer.test),
        text=make_sampler(network, benchmark),
        seconds=time.monotonic() - began,
    )


def of_params(measure: Callable[..., Any]) -> Callable[..., Any]:
    """A measurement of parameters as one of states."""
    return lambda arrays, state, seed: measure(arrays, state.params, seed)


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
) -> Callable[..., Mapping[str, jax.Array]] | None:
    """`(arrays, state, seed) -> {name: [N]}`, the curves of a benchmark, if it has any.

    They are measured on its test set at the best step, else on its validation set.
    """
    if not benchmark.curves:
        return None
    measures = {name: curve.terms for name, curve in benchmark.curves.items()}
    data = benchmark.test or benchmark.validation
    name = "test" if benchmark.test else "validation"
    evaluate = make_evaluate(network, data, measures, train)

    def curves(arrays, state, seed):
        params = state.best.params if benchmark.test else state.params
        return evaluate(arrays[name], params, getattr(keys_of(seed), name))

    return curves
