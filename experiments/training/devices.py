# SPDX-License-Identifier: Apache-2.0
"""Where seeds are computed: one program, compiled once, for all seeds of a cell."""

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
    """A way to run one program for S seeds.

    Attributes:
      put: tree of arrays `[S, ...]` -> the same on the devices, as programs take it.
      get: outputs of programs -> tree of NumPy arrays `[S, ...]`.
      share: tree of arrays -> the same on the devices, for all seeds.
      compile: `(function, shared, *examples) -> program`. The function takes the shared
        tree and the arguments of one seed, the program the arguments of all seeds.
      description: where seeds are computed, for people.
    """

    put: Callable[[Any], Any]
    get: Callable[[Any], Any]
    share: Callable[[Any], Any]
    compile: Callable[..., Callable[..., Any]]
    description: str


class PerSeed(list):
    """An array for each seed. JAX sees a leaf, since it is a subclass of list."""


def replicas(seeds: int) -> Replicas:
    """The replicas for this machine: CPU cores, else `vmap` on all devices."""
    devices = jax.devices()
    if devices[0].platform == "cpu":
        return on_cores(seeds)
    return on_mesh(seeds, devices[: min(seeds, len(devices))])


def on_cores(seeds: int) -> Replicas:
    """Cores pull (cell, seed) jobs from one queue.

    A seed runs the program that it would run alone, so its bits are the same. `vmap` over
    seeds is no faster on a CPU. A program over several CPU devices is slower: with three
    seeds one of two cores idles for a third of the time, and JAX runs such programs one
    after the other.
    """

    def put(tree):
        return jax.tree.map(PerSeed, tree)

    def get(tree):
        return jax.tree.map(lambda leaf: np.stack(jax.device_get(list(leaf))), tree)

    def compile_for_one(function, shared, *examples):
        compiled = jax.jit(function).lower(shared, *examples).compile()

        def program(*trees):
            def run(seed):
                one = jax.tree.map(lambda leaf: leaf[seed], trees)
                return jax.block_until_ready(compiled(shared, *one))

            outs = _cores().map(run, range(seeds))
            return jax.tree.map(lambda *leaves: PerSeed(leaves), *outs)

        return program

    noun = "seed" if seeds == 1 else "seeds"
    description = f"{seeds} {noun}, one job each, on {_count()} CPU cores"
    return Replicas(put, get, _on_device_once, compile_for_one, description)


def on_mesh(seeds: int, devices: Sequence[jax.Device]) -> Replicas:
    """Seeds under `vmap`, in equal shares over the mesh axis `replica`."""
    mesh = Mesh(np.array(devices), AXIS)
    spec = PartitionSpec(AXIS)
    sharding = NamedSharding(mesh, spec)
    everywhere = NamedSharding(mesh, PartitionSpec())
    size = -(-seeds // mesh.size) * mesh.size

    def put(tree):
        # Copies of the first seed fill the last share.
        fill = lambda leaf: np.concatenate([leaf, leaf[:1].repeat(size - seeds, 0)])
        return jax.tree.map(lambda leaf: jax.device_put(fill(leaf), sharding), tree)

    def get(tree):
        return jax.tree.map(lambda leaf: leaf[:seeds], jax.device_get(tree))

    def share(tree):
        return _on_device_once(tree, everywhere)

    def compile_for_all(function, shared, *examples):
        mapped = jax.vmap(function, (None, *(0 for _ in examples)))
        sharded = jax.shard_map(
            mapped,
            mesh=mesh,
            in_specs=(PartitionSpec(), *(spec for _ in examples)),
            out_specs=spec,
            check_vma=False,
        )
        shaped = lambda leaf: jax.ShapeDtypeStruct(
            (size, *leaf.shape), leaf.dtype, sharding=sharding
        )
        compiled = jax.jit(sharded).lower(shared, *jax.tree.map(shaped, examples)).compile()
        return functools.partial(compiled, shared)

    kind = devices[0].platform.upper()
    description = f"{seeds} seeds under vmap on {mesh.size} {kind} devices"
    return Replicas(put, get, share, compile_for_all, description)


def _on_device_once(tree: Any, sharding: NamedSharding | None = None) -> Any:
    """Put a tree on the devices; an array that stands in several places goes once."""
    found: dict[int, jax.Array] = {}

    def put(leaf):
        if id(leaf) not in found:
            found[id(leaf)] = jax.device_put(leaf, sharding)
        return found[id(leaf)]

    return jax.tree.map(put, tree)


def _count() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


@functools.cache
def _cores() -> ThreadPoolExecutor:
    """One thread a core, for all cells together: more of them were slower."""
    return ThreadPoolExecutor(_count(), thread_name_prefix="core")
