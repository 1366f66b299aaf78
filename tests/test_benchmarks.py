"""Every benchmark by the contract: shapes, chance at the start, two steps with every cell."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarks.base import (
    Batch,
    accuracy,
    mean_loss,
    only_last,
    weighted_mean,
)
from experiments.benchmarks.registry import BENCHMARKS
from experiments.config.errors import Refusal
from experiments.config.settings import Train
from experiments.launch.plan import make_plan
from experiments.networks.sequence import network
from experiments.training.trainer import in_parts, keys_of, make_trainer
from recur.cells import CELLS


SMALL = {
    "adding": {"steps": 6},
    "agreement": {"distance": 3},
    "char_lm": {"chunk": 5},
    "copy_memory": {"lag": 3, "pattern": 2},
    "delayed_recall": {"lag": 4},
    "dyck": {"length": 6, "tested": 9},
    "hello": {},
    "parity": {"length": 6, "tested": 9},
    "pixel_mnist": {},
    "temporal_order": {"steps": 10},
    "word_order": {"extra": 3},
}
"""Benchmark -> settings that keep it small."""

TINY = Train(batch=6, eval_batch=8, log_every=1, eval_every=1, checkpoint_every=1, steps=2)


def built(name):
    settings = {f"{name}.{key}": value for key, value in SMALL[name].items()}
    try:
        return make_plan({"benchmark": name, **settings}).benchmark
    except Refusal as refusal:
        if "is not there" not in str(refusal):
            raise
        return pytest.skip(f"without the files of {name}: {refusal}")


benchmarks = pytest.mark.parametrize("name", BENCHMARKS)


def test_every_benchmark_is_in_the_table():
    assert set(SMALL) == set(BENCHMARKS)


@benchmarks
def test_batches_have_the_shapes_that_are_promised(name):
    task = built(name)
    for draw in (task.batch, task.examined):
        batch = draw(jax.random.key(0), 6)
        steps, size, width = batch.inputs.shape
        assert width == task.input_size and size >= 1
        assert batch.targets.shape == (steps, size)
        assert batch.weights is None or batch.weights.shape == (steps, size)
        # The last step of every sequence counts, so that its gradient can be followed.
        assert batch.weights is None or (batch.weights[-1] > 0).all()
        assert batch.inputs.dtype == jnp.float32
    assert task.batch(jax.random.key(0), 6).inputs.shape[0] == task.steps


@benchmarks
def test_symbols_are_those_of_one_hot_inputs(name):
    task = built(name)
    inputs = task.batch(jax.random.key(0), 6).inputs
    one_hot = bool((inputs.sum(-1) == 1).all() and ((inputs == 0) | (inputs == 1)).all())
    assert one_hot == bool(task.symbols)
    assert len(set(task.symbols)) == len(task.symbols)
    assert not task.symbols or len(task.symbols) == task.input_size


@benchmarks
def test_nothing_beats_the_optimum_and_the_baseline_is_above_it(name):
    task = built(name)
    assert 0 <= task.optimum < task.baseline
    assert all(level > task.optimum for level in task.references.values())
    batch = task.examined(jax.random.key(0), 6)
    outputs = jnp.zeros((*batch.targets.shape, task.output_size))
    assert set(task.metrics(outputs, batch)) == set(task.chance)


@benchmarks
@pytest.mark.parametrize("cell", sorted(CELLS))
def test_every_cell_takes_two_steps_from_chance(name, cell):
    task = built(name)
    trainer = make_trainer(network(CELLS[cell](4), task), task, TINY)
    state, step = trainer.init(jnp.int32(0)), jax.jit(trainer.step)
    for number in range(2):
        batch = task.batch(jax.random.key(number), 6)
        state, (loss, norm) = step(state, batch)
        assert np.isfinite(loss) and 0 < norm < np.inf
        if task.unit == "nats" and number == 0:
            # Knowing nothing, and hardly surer of one class than of another.
            np.testing.assert_allclose(loss, math.log(task.output_size), rtol=0.6)
    assert state.step == 2


def test_weights_say_what_counts():
    values, weights = jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([[0.0, 1.0], [3.0, 0.0]])
    assert weighted_mean(values, weights) == (2 + 9) / 4
    assert weighted_mean(values, None) == 2.5
    targets, last = only_last(jnp.array([5, 7]), 3)
    assert targets.tolist() == [[0, 0], [0, 0], [5, 7]]
    assert last.tolist() == [[0, 0], [0, 0], [1, 1]]
    logits = jax.nn.one_hot(jnp.array([[1, 0], [1, 1]]), 2)
    batch = Batch(logits, jnp.array([[1, 1], [1, 0]]), weights)
    assert accuracy(logits, batch) == 3 / 4
    assert mean_loss(built("temporal_order"), logits * 0, batch) == pytest.approx(math.log(2))


def test_an_evaluation_in_parts_is_the_whole():
    task = built("adding")
    net = network(CELLS["gru"](4), task)
    model = net.bind(net.init(keys_of(0).init))
    xs = task.batch(jax.random.key(0), 8).inputs
    np.testing.assert_allclose(in_parts(model, xs, 4), model(xs), rtol=1e-5, atol=1e-6)


def test_layers_are_those_of_the_flag():
    plan = make_plan({"cells": "gru", "model.layers": 3, "model.hidden": 4})
    net = network(plan.cells["gru"], plan.benchmark, layers=plan.model.layers)
    assert len(net.init(jax.random.key(0))["recurrent"]) == 3
