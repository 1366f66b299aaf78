"""Seeds side by side: each with its own arguments, and the bits that it has alone."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarks.memory.copy_memory import CopyMemory, copy_memory
from experiments.benchmarks.text.char_lm import CharLM, char_lm
from experiments.config.settings import Train
from experiments.training.devices import on_cores, on_mesh, replicas
from experiments.training.trainer import arrays_of, make_trainer
from tests.learning import network_of


WAYS = {
    "cores": on_cores,
    "one device": lambda seeds: on_mesh(seeds, jax.devices()[:1]),
    "two devices": lambda seeds: on_mesh(seeds, jax.devices()[:2]),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seeds", [1, 2, 3, 5])
def test_each_seed_goes_with_its_own_arguments(seeds, way):
    where = WAYS[way](seeds)
    a, b = np.random.RandomState(0).randn(2, seeds, 3).astype(np.float32)
    shared = where.share({"c": np.float32([3, 5, 7])})

    def add(shared, a, b):
        return {"sum": a + shared["c"] * b["b"]}, a[0]

    first = where.compile(add, shared, a[0], {"b": b[0]})
    then = where.compile(lambda two, both: both["sum"] * two, 2.0, {"sum": a[0]})
    both, head = first(where.put(a), where.put({"b": b}))
    expected = a + np.float32([3, 5, 7]) * b
    np.testing.assert_allclose(where.get(both)["sum"], expected, rtol=1e-6)
    np.testing.assert_array_equal(where.get(then(both)), 2 * where.get(both)["sum"])
    np.testing.assert_array_equal(where.get(head), a[:, 0])


def test_an_array_in_two_places_is_put_on_the_device_once():
    images = np.arange(6, dtype=np.float32)
    shared = on_cores(2).share({"train": images, "test": (images, np.zeros(2))})
    assert shared["train"] is shared["test"][0]


def test_the_arrays_of_the_data_are_arguments_of_the_program():
    """Training on other data is a call of the same compiled program."""
    task, train = char_lm(CharLM(chunk=4), Path()), Train(batch=2, eval_batch=4)
    trainer = make_trainer(network_of(task, "rnn", 3), task, train)
    arrays, seed = arrays_of(task), np.int32(0)
    state = jax.jit(trainer.init)(seed)
    program = jax.jit(trainer.train_steps).lower(arrays, state, seed, np.int32(1)).compile()
    losses = []
    for moved in (0, 1):
        other = jax.tree.map(lambda leaf, m=moved: np.roll(leaf, 1000 * m), arrays)
        losses.append(float(program(other, state, seed, np.int32(1))[1].loss[0]))
    assert losses[0] != losses[1]


def trained(way, seeds, name):
    """The states of seeds after ten steps, and what the steps measured."""
    task = copy_memory(CopyMemory(lag=20, pattern_length=3))
    train = Train(batch=4, eval_batch=4)
    trainer = make_trainer(network_of(task, name, 9), task, train)
    states = [jax.jit(trainer.init)(np.int32(seed)) for seed in seeds]
    first = jax.tree.map(lambda *leaves: np.stack(leaves), *states)
    seeds = np.array(seeds, np.int32)
    given = first, seeds, np.full(len(seeds), 10, np.int32)
    one = jax.tree.map(lambda leaf: leaf[0], given)
    train_steps = way.compile(trainer.train_steps, arrays_of(task), *one)
    return way.get(train_steps(*map(way.put, given)))


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
    assert replicas(1).description == f"1 seed, one job each, on {cores} CPU cores"
    description = on_mesh(3, jax.devices()[:2]).description
    assert description == "3 seeds under vmap on 2 CPU devices"


def test_an_error_of_one_seed_is_not_lost():
    way = on_cores(2)
    program = way.compile(lambda one, x: one * jnp.sin(x), 1.0, np.float32(0))
    with pytest.raises(IndexError):
        program(way.put(np.zeros(1, np.float32)))


def cache_of(**environment):
    code = (
        "import jax; from experiments.training.compile_cache import prepare; prepare(); "
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
