# SPDX-License-Identifier: Apache-2.0
"""Load the benchmark of `--benchmark`: a registered one, or `module:name` of your own.

A benchmark of your own has the name of its variable in flags, figures, tables and files.
"""

import dataclasses

import jax
import jax.numpy as jnp

import recur
from experiments.benchmarks.base import Benchmark, BenchmarkSpec
from experiments.benchmarks.registry import BENCHMARKS
from experiments.config.errors import UsageError, check_known
from experiments.launch.loading import load, one_line
from experiments.networks.recurrent import make_recurrent


def load_benchmark(text: str) -> tuple[str, BenchmarkSpec]:
    """`(name, spec)` of a benchmark.

    Args:
      text: a registered name, or `my_module:my_task`.

    Raises:
      UsageError: it is unknown, cannot be imported, is no `BenchmarkSpec`, or its name
        is taken.
    """
    _, colon, name = text.rpartition(":")
    if not colon:
        check_known("benchmark", text, BENCHMARKS)
        return text, BENCHMARKS[text]
    spec = load("benchmark", text)
    if not isinstance(spec, BenchmarkSpec):
        raise UsageError(
            f"--benchmark: {text} must be a BenchmarkSpec, got {type(spec).__name__}"
        )
    if not (dataclasses.is_dataclass(spec.config) and callable(spec.build)):
        raise UsageError(
            f"--benchmark: {text} needs a dataclass as its config and a function as build"
        )
    return name, spec


def check_benchmark(name: str, benchmark: Benchmark) -> None:
    """Check that a benchmark of the user's own runs, before anything is compiled.

    Raises:
      UsageError: one of its functions raises, or a loss or metric is not a sum and a
        count; gives the line.
    """
    if not isinstance(benchmark, Benchmark):
        raise UsageError(
            f"--benchmark: {name} must build a Benchmark, got {type(benchmark).__name__}"
        )
    sets = {
        "train": benchmark.train,
        "validation": benchmark.validation,
        "test": benchmark.test,
        "flow": benchmark.flow,
    }
    for part, data in sets.items():
        if data is not None:
            _check_part(name, part, benchmark, data)


def _check_part(name, part, benchmark, data):
    network = benchmark.network(make_recurrent(recur.rnn(2)))
    measures = {m: metric.terms for m, metric in benchmark.metrics.items()}

    def run(arrays, key):
        batch = data.draw(arrays, key, jnp.int32(0), 2)
        outputs, _ = network.apply(network.init(key), batch, None, None)
        return {m: f(outputs, batch) for m, f in {"loss": benchmark.loss, **measures}.items()}

    try:
        found = jax.eval_shape(run, data.arrays, jax.random.key(0))
    except Exception as error:
        raise UsageError(
            f"--benchmark: {name} does not run on its {part} data: {one_line(error)}"
        ) from error
    for measure, terms in found.items():
        shapes = [getattr(term, "shape", None) for term in jax.tree.leaves(terms)]
        if shapes != [(), ()]:
            raise UsageError(
                f"--benchmark: {measure} of {name} must give (sum, count), two scalars; "
                f"got shapes {shapes}"
            )
