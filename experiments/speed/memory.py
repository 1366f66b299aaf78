# SPDX-License-Identifier: Apache-2.0
"""Memory and time of a gradient over T steps, plain scan against checkpointed loop.

    python -m experiments.speed.memory

A train step's work for a many-to-one task: the gradient of |h_T|^2 with respect to the
weights of an LSTM, B = 8 sequences, I = 16 features, H = 64 units, float32. Memory is
what the compiled program says it needs for its temporaries; the time is the median of
five runs, the two loops taking turns. Two minutes on two cores.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

import recur
from experiments.reporting.tables import markdown


BATCH, FEATURES, HIDDEN = 8, 16, 64
Loop = Callable[..., Any] | recur.Engine
LOOPS: dict[str, Loop] = {
    "scan": jax.lax.scan,
    "checkpointed": recur.engines.checkpointed,
}


def compile_gradient(steps: int, scan: Loop) -> tuple[Any, tuple]:
    """The gradient over `steps` steps, compiled, and what to call it with."""
    cell = recur.lstm(HIDDEN)
    key, key_x = jax.random.split(jax.random.key(0))
    params = cell.init(key, FEATURES)
    xs = jax.random.normal(key_x, (steps, BATCH, FEATURES))

    def loss(params, xs):
        state, _ = recur.unroll(cell, params, xs, engine=scan)
        return jnp.square(state.h).sum()

    return jax.jit(jax.grad(loss)).lower(params, xs).compile(), (params, xs)


def seconds(compiled: Callable[..., Any], arguments: tuple) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    jax.block_until_ready(compiled(*arguments))
    return time.perf_counter() - start


def measure(steps: int, repeats: int) -> tuple[dict[str, float], dict[str, float]]:
    """Temporary memory [MB] and median time [s] of each loop."""
    programs = {name: compile_gradient(steps, scan) for name, scan in LOOPS.items()}
    memory = {
        name: compiled.memory_analysis().temp_size_in_bytes / 1e6
        for name, (compiled, _) in programs.items()
    }
    for program in programs.values():
        seconds(*program)
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(repeats):
        for name, program in programs.items():
            times[name].append(seconds(*program))
    return memory, {name: statistics.median(t) for name, t in times.items()}


def main(all_steps: Sequence[int] = (1_000, 10_000, 100_000), repeats: int = 5) -> None:
    """Print the table, in Markdown."""
    lines = [
        ["T", "memory, scan", "checkpointed", "ratio", "time, scan", "checkpointed", "ratio"]
    ]
    for steps in all_steps:
        memory, times = measure(steps, repeats)
        line = [f"{steps:,}"]
        for unit, values in (("MB", memory), ("s", times)):
            plain, ours = values["scan"], values["checkpointed"]
            line += [f"{plain:.3g} {unit}", f"{ours:.3g} {unit}", f"{ours / plain:.3g}"]
        lines.append(line)
    print(markdown(lines, text_columns=0))


if __name__ == "__main__":
    main()
