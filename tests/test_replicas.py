"""Seeds side by side: each with its own arguments, and the bits that it has alone."""

import os
import stat
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from experiments.benchmarks.memory.copy_memory import CopyMemory, copy_memory
from experiments.config.settings import Train
from experiments.networks.sequence import network
from experiments.training.devices import on_cores, on_mesh, replicas
from experiments.training.trainer import make_trainer


WAYS = {
    "cores": on_cores,
    "one device": lambda seeds: on_mesh(seeds, jax.devices()[:1]),
    "two devices": lambda seeds: on_mesh(seeds, jax.devices()[:2]),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seeds", [1, 2, 3, 5])
def test_each_seed_goes_with_its_own_arguments(seeds, way):
    way = WAYS[way](seeds)
    a, b = np.random.RandomState(0).randn(2, seeds, 3).astype(np.float32)
    first = way.compile(lambda a, b: ({"sum": a + 2 * b["b"]}, a[0]), a[0], {"b": b[0]})
    then = way.compile(lambda both: both["sum"] * 2, {"sum": a[0]})
    both, head = first(way.place(a), way.place({"b": b}))
    np.testing.assert_array_equal(way.fetch(both)["sum"], a + 2 * b)
    np.testing.assert_array_equal(way.fetch(then(both)), 2 * (a + 2 * b))
    np.testing.assert_array_equal(way.fetch(head), a[:, 0])


def trained(way, seeds, name):
    """The states of seeds after ten steps, and what the steps measured."""
    task = copy_memory(CopyMemory(lag=20, pattern=3))
    train = Train(batch=4, eval_batch=4)
    trainer = make_trainer(network(recur.CELLS[name](9), task), task, train)
    states = [jax.jit(trainer.init)(np.int32(seed)) for seed in seeds]
    first = jax.tree.map(lambda *leaves: np.stack(leaves), *states)
    seeds = np.array(seeds, np.int32)
    given = first, seeds, np.full(len(seeds), 10, np.int32)
    advance = way.compile(trainer.advance, *jax.tree.map(lambda leaf: leaf[0], given))
    return way.fetch(advance(*map(way.place, given)))


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_a_seed_computes_the_bits_that_it_computes_alone(name):
    together = trained(on_cores(3), [0, 1, 2], name)
    for index in range(3):
        alone = trained(on_cores(1), [index], name)
        mine = jax.tree.map(lambda leaf, index=index: leaf[index : index + 1], together)
        jax.tree.map(np.testing.assert_array_equal, mine, alone)


def test_on_devices_the_same_is_computed():
    cores = trained(on_cores(3), [0, 1, 2], "gru")
    mesh = trained(on_mesh(3, jax.devices()[:2]), [0, 1, 2], "gru")
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), cores, mesh)


def test_the_rule_says_what_it_chose():
    cores = len(os.sched_getaffinity(0))
    assert replicas(1).words == f"1 seed, each a task of its own, on {cores} CPU cores"
    words = on_mesh(3, jax.devices()[:2]).words
    assert words == "3 seeds under vmap on 2 CPU devices"


def test_an_error_of_one_seed_is_not_lost():
    way = on_cores(2)
    program = way.compile(jnp.sin, np.float32(0))
    with pytest.raises(IndexError):
        program(way.place(np.zeros(1, np.float32)))


def cache_of(**environment):
    code = (
        "import jax; from experiments import backend; backend.prepare(); "
        "print(jax.config.jax_compilation_cache_dir)"
    )
    known = {k: v for k, v in os.environ.items() if not k.startswith("JAX_COMPILATION")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**known, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_the_cache_of_compiled_programs_is_private(tmp_path):
    directory = cache_of(XDG_CACHE_HOME=str(tmp_path))
    assert directory.startswith(str(tmp_path / "recur"))
    assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700


def test_a_cache_that_the_user_chose_stands(tmp_path):
    given = str(tmp_path / "mine")
    assert cache_of(JAX_COMPILATION_CACHE_DIR=given, XDG_CACHE_HOME="/x") == given
