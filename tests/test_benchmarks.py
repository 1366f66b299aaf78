"""Every benchmark by the contract: shapes, chance at the start, two steps with every cell."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarks.base import Metric, in_order
from experiments.benchmarks.registry import BENCHMARKS
from experiments.benchmarks.terms import (
    at_steps,
    at_the_end,
    by_length,
    correct,
    cross_entropy,
    weighted,
)
from experiments.config.errors import UsageError
from experiments.config.settings import Train
from experiments.launch.plan import make_plan
from experiments.networks.base import Batch
from experiments.training.evaluation import losses_and_metrics, make_evaluate
from experiments.training.trainer import arrays_of, make_trainer
from recur.cells import CELLS
from tests.batches import drawn, loss_of, outputs_of
from tests.learning import network_of


SMALL = {
    "adding": {"steps": 6},
    "agreement": {"distance": 3},
    "char_lm": {"chunk": 5},
    "copy_memory": {"lag": 3, "pattern_length": 2},
    "delayed_recall": {"lag": 4},
    "dyck": {"length": 6, "eval_length": 9},
    "hello": {},
    "parity": {"length": 6, "eval_length": 9},
    "pixel_mnist": {"validation": 8},
    "temporal_order": {"steps": 10},
    "word_order": {"extra": 3},
}
"""Benchmark -> settings that keep it small."""

TINY = Train(batch=6, eval_batch=8, log_every=1, eval_every=1, checkpoint_every=1, steps=2)

MEASURED = {
    "char_lm": {"test", "flow"},
    "pixel_mnist": {"test", "flow"},
}
"""Benchmark of real data -> its parts beside training and validation."""

GENERATING = {"char_lm", "hello"}


def built(name):
    settings = {f"{name}.{key}": value for key, value in SMALL[name].items()}
    try:
        return make_plan({"benchmark": name, **settings}).benchmark
    except UsageError as refused:
        if "is not there" not in str(refused):
            raise
        return pytest.skip(f"without the files of {name}: {refused}")


def parts_of(task):
    parts = {"train": task.train, "validation": task.validation}
    parts |= {"test": task.test, "flow": task.flow}
    return {name: data for name, data in parts.items() if data is not None}


benchmarks = pytest.mark.parametrize("name", BENCHMARKS)


def test_every_benchmark_is_in_the_table():
    assert set(SMALL) == set(BENCHMARKS)


@benchmarks
def test_real_data_have_a_test_set_and_generated_data_are_ever_new(name):
    parts = parts_of(built(name))
    assert set(parts) == {"train", "validation"} | MEASURED.get(name, set())
    finite = {part for part, data in parts.items() if data.size is not None}
    assert finite == ({"validation", "test"} if name in MEASURED else set())


@benchmarks
def test_batches_have_the_shapes_that_are_promised(name):
    task = built(name)
    for data in parts_of(task).values():
        batch = drawn(data, 6)
        steps, size = batch.targets.shape
        assert batch.inputs.shape[:2] == (steps, size) == (steps, 6)
        if task.vocabulary:
            assert batch.inputs.shape == (steps, size)
            assert jnp.issubdtype(batch.inputs.dtype, jnp.integer)
            assert batch.inputs.min() >= 0 and batch.inputs.max() < len(task.vocabulary)
        assert batch.weights is None or batch.weights.shape == (steps, size)
        # Every sequence has a target, so that its gradient can be followed.
        assert batch.weights is None or (batch.weights.sum(0) > 0).all()
        assert batch.lengths is None or batch.lengths.shape == (size,)
    assert drawn(task.train, 6).inputs.shape[0] == task.steps


@benchmarks
def test_a_draw_is_the_same_compiled(name):
    for data in parts_of(built(name)).values():
        program = jax.jit(data.draw, static_argnums=3)
        found = program(data.arrays, jax.random.key(1), jnp.int32(0), 4)
        jax.tree.map(np.testing.assert_array_equal, found[1:], drawn(data, 4, key=1)[1:])


@pytest.mark.parametrize("name", MEASURED)
def test_data_are_arguments_of_programs_and_no_constants(name):
    for data in parts_of(built(name)).values():
        draw = jax.make_jaxpr(data.draw, static_argnums=3)
        given = data.arrays, jax.random.key(1), jnp.int32(0), 4
        assert sum(np.size(constant) for constant in draw(*given).consts) < 100
        assert sum(leaf.size for leaf in jax.tree.leaves(data.arrays)) > 1000


@benchmarks
def test_symbols_have_different_names(name):
    task = built(name)
    assert len(set(task.vocabulary)) == len(task.vocabulary)
    assert bool(task.vocabulary) == (name not in ("adding", "pixel_mnist"))
    assert (network_of(task, "rnn").decode is not None) == (name in GENERATING)


@benchmarks
def test_nothing_beats_the_optimum_and_the_baseline_is_above_it(name):
    task = built(name)
    assert 0 <= task.optimum < task.baseline
    assert all(level > task.optimum for level in task.references.values())
    for metric in task.metrics.values():
        assert isinstance(metric, Metric) and metric.memoryless is not None
        assert metric.best is None or metric.best != metric.memoryless
        assert not metric.bounded or 0 < metric.memoryless < 1


@benchmarks
def test_what_has_no_weight_changes_no_measure(name):
    """The second half of a batch, with other targets and inputs but no weight."""
    task = built(name)
    batch = drawn(task.validation, 6)
    outputs = outputs_of(task, batch=batch)
    weights = jnp.ones(batch.targets.shape) if batch.weights is None else batch.weights
    half = batch._replace(weights=weights.at[:, 3:].set(0.0))
    other = half._replace(targets=half.targets.at[:, 3:].set(batch.targets[:, 3:][:, ::-1]))
    changed = outputs.at[:, 3:].multiply(-1.0)
    measures = losses_and_metrics(task) | {k: v.terms for k, v in task.curves.items()}
    for measure in measures.values():
        before, after = measure(outputs, half), measure(changed, other)
        jax.tree.map(np.testing.assert_array_equal, before, after)
        whole = measure(outputs, batch._replace(weights=weights))
        assert (before[1] <= whole[1]).all() and before[1].sum() > 0


@benchmarks
@pytest.mark.parametrize("cell", sorted(CELLS))
def test_every_cell_takes_two_steps_from_chance(name, cell):
    task = built(name)
    trainer = make_trainer(network_of(task, cell), task, TINY)
    state, step = trainer.init(jnp.int32(0)), jax.jit(trainer.step)
    for number in range(2):
        batch = drawn(task.train, 6, key=number, step=number)
        state, (loss, norm) = step(state, batch, jax.random.key(number))
        assert np.isfinite(loss) and 0 < norm < np.inf
        if task.unit == "nats" and number == 0:
            # An untrained network is hardly surer of one class than of another.
            classes = outputs_of(task, batch=batch).shape[-1]
            np.testing.assert_allclose(loss, math.log(classes), rtol=0.6)
    assert state.step == 2


def test_terms_are_weighted_sums():
    values, weights = jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([[0.0, 1.0], [3.0, 0.0]])
    assert weighted(values, weights) == (2 + 9, 4)
    assert weighted(values) == (10, 4)
    targets, last = at_the_end(jnp.array([5, 7]), 3)
    assert targets.tolist() == [[0, 0], [0, 0], [5, 7]]
    assert last.tolist() == [[0, 0], [0, 0], [1, 1]]
    logits = jax.nn.one_hot(jnp.array([[1, 0], [1, 1]]), 2)
    batch = Batch(logits, jnp.array([[1, 1], [1, 0]]), weights=weights)
    assert correct(logits, batch) == (3, 4)
    total, count = cross_entropy(logits * 0, batch)
    assert total / count == pytest.approx(math.log(2))


def test_steps_of_a_batch_by_hand():
    batch = Batch(None, jnp.array([[1, 2], [3, 4], [5, 6]]))
    assert at_steps(batch, slice(-1, None)).targets.tolist() == [[5, 6]]
    assert at_steps(batch, slice(1)).weights is None
    sums, counts = by_length(batch.targets, jnp.array([[1, 1], [0, 1], [0, 0]]))
    assert sums.tolist() == [0, 3, 4, 0] and counts.tolist() == [0, 2, 1, 0]
    indices, weights = in_order(2, 3, size=7)
    assert indices.tolist() == [6, 6, 6] and weights.tolist() == [1, 0, 0]


@pytest.mark.parametrize("name", ["char_lm", "pixel_mnist"])
def test_a_finite_set_in_batches_is_the_whole(name):
    """A size that no batch divides, so that the last one is padded."""
    task = built(name)
    network, measures = network_of(task, "gru"), losses_and_metrics(task)
    params, key = network.init(jax.random.key(0)), jax.random.key(1)
    size = task.validation.size
    assert size % 5
    found = [
        make_evaluate(network, task.validation, measures, Train(eval_batch=batch))(
            task.validation.arrays, params, key
        )
        for batch in (size, 5)
    ]
    for measure in measures:
        np.testing.assert_allclose(found[0][measure], found[1][measure], rtol=1e-5)


def test_an_evaluation_of_new_sequences_in_parts_has_as_many():
    task = built("adding")
    network, measures = network_of(task, "gru"), losses_and_metrics(task)
    params, key = network.init(jax.random.key(0)), jax.random.key(1)
    train = Train(eval_batch=8, eval_microbatches=4)
    found = make_evaluate(network, task.validation, measures, train)((), params, key)
    keys = [jax.random.fold_in(key, index) for index in range(4)]
    batches = [task.validation.draw((), key, 0, 2) for key in keys]
    losses = [
        loss_of(task, network.apply(params, batch, None, None)[0], batch)
        for batch in batches
    ]
    np.testing.assert_allclose(found["loss"], np.mean(losses), rtol=1e-5)


def test_layers_are_those_of_the_flag():
    plan = make_plan({"cells": "gru", "model.layers": 3, "model.hidden": 4})
    params = plan.network("gru").init(jax.random.key(0))
    assert len(params["recurrent"]) == 3
    assert set(arrays_of(plan.benchmark)) == {"train", "validation"}
