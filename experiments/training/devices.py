# SPDX-License-Identifier: Apache-2.0
"""Where the seeds of a cell are computed, and how: one program, compiled once, for all."""

import functools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec


AXIS = "replica"


class Replicas(NamedTuple):
    """A way to compute the same for S seeds.

    Attributes:
      place: a tree of arrays `[S, ...]` -> the same where programs take it.
      fetch: what programs gave back -> a tree of NumPy arrays `[S, ...]`.
      compile: `(function of one seed, its arguments or their shapes) -> program`, of
        what `place` and other programs return.
      words: the way, in words.
    """

    place: Callable[[Any], Any]
    fetch: Callable[[Any], Any]
    compile: Callable[..., Callable[..., Any]]
    words: str


class BySeed(list):
    """An array of each seed; for JAX a leaf, since it is not quite a list."""


def replicas(seeds: int) -> Replicas:
    """The way for the machine: cores in turn on a CPU, else `vmap` on all devices."""
    devices = jax.devices()
    if devices[0].platform == "cpu":
        return on_cores(seeds)
    return on_mesh(seeds, devices[: min(seeds, len(devices))])


def on_cores(seeds: int) -> Replicas:
    """Every core takes one seed after the other, whichever is next, of any cell.

    A seed runs the program that it would run alone, so its bits are those it would have
    alone. `vmap` over seeds is no faster on a CPU, and a program over several CPU devices
    shares worse: three seeds leave one of two idle for a third of the time, and JAX runs
    such programs one after the other.
    """

    def place(tree):
        return jax.tree.map(BySeed, tree)

    def fetch(tree):
        return jax.tree.map(lambda leaf: np.stack(jax.device_get(list(leaf))), tree)

    def compile_for_one(function, *examples):
        compiled = jax.jit(function).lower(*examples).compile()

        def program(*trees):
            def run(seed):
                one = jax.tree.map(lambda leaf: leaf[seed], trees)
                return jax.block_until_ready(compiled(*one))

            outs = _cores().map(run, range(seeds))
            return jax.tree.map(lambda *leaves: BySeed(leaves), *outs)

        return program

    many = "seed" if seeds == 1 else "seeds"
    words = f"{seeds} {many}, each a task of its own, on {_count()} CPU cores"
    return Replicas(place, fetch, compile_for_one, words)


def on_mesh(seeds: int, devices: Sequence[jax.Device]) -> Replicas:
    """Under `vmap`, in equal shares on the devices, along the mesh axis `replica`."""
    mesh = Mesh(np.array(devices), AXIS)
    spec = PartitionSpec(AXIS)
    sharding = NamedSharding(mesh, spec)
    places = -(-seeds // mesh.size) * mesh.size

    def place(tree):
        # What is left over of the last share computes the first seed once more.
        fill = lambda leaf: np.concatenate([leaf, leaf[:1].repeat(places - seeds, 0)])
        return jax.tree.map(lambda leaf: jax.device_put(fill(leaf), sharding), tree)

    def fetch(tree):
        return jax.tree.map(lambda leaf: leaf[:seeds], jax.device_get(tree))

    def compile_for_all(function, *examples):
        spread = jax.shard_map(
            jax.vmap(function), mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False
        )
        shaped = lambda leaf: jax.ShapeDtypeStruct(
            (places, *leaf.shape), leaf.dtype, sharding=sharding
        )
        return jax.jit(spread).lower(*jax.tree.map(shaped, examples)).compile()

    kind = devices[0].platform.upper()
    words = f"{seeds} seeds under vmap on {mesh.size} {kind} devices"
    return Replicas(place, fetch, compile_for_all, words)


def _count() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


@functools.cache
def _cores() -> ThreadPoolExecutor:
    """For all cells together a thread for each core: more of them were slower."""
    return ThreadPoolExecutor(_count(), thread_name_prefix="core")
