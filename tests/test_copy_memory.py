"""The copy task: its layout by hand, its baseline by a predictor that knows nothing."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarks.memory.copy_memory import (
    CopyMemory,
    copy_memory,
    delayed,
    layout,
)


SMALL = CopyMemory(lag=4, pattern=2, symbols=3)


def test_the_layout_of_arjovsky_by_hand():
    shown, due = layout(SMALL, jnp.array([[3], [1]]))
    # Two symbols, lag - 1 blanks, the marker S + 1 = 4, then two blanks to answer in.
    assert shown[:, 0].tolist() == [3, 1, 0, 0, 0, 4, 0, 0]
    assert due[:, 0].tolist() == [0, 0, 0, 0, 0, 0, 3, 1]


def test_the_layout_of_locuslab_by_hand():
    config = dataclasses.replace(SMALL, layout="locuslab")
    shown, due = layout(config, jnp.array([[3], [1]]))
    # The marker stays to the end, pattern + 1 times.
    assert shown[:, 0].tolist() == [3, 1, 0, 0, 0, 4, 4, 4]
    assert due[:, 0].tolist() == [0, 0, 0, 0, 0, 0, 3, 1]


def test_inputs_are_one_hot_or_one_number():
    key = jax.random.key(0)
    one_hot = copy_memory(SMALL).batch(key, 5)
    number = copy_memory(dataclasses.replace(SMALL, layout="locuslab")).batch(key, 5)
    assert one_hot.inputs.shape == (8, 5, 5) and number.inputs.shape == (8, 5, 1)
    np.testing.assert_array_equal(one_hot.inputs.sum(-1), 1)
    np.testing.assert_array_equal(one_hot.inputs.argmax(-1)[:2], number.inputs[:2, :, 0])
    np.testing.assert_array_equal(one_hot.targets, number.targets)


def test_sizes_of_the_published_task():
    task = copy_memory(CopyMemory(lag=1000))
    assert (task.steps, task.input_size, task.output_size) == (1020, 10, 9)
    assert copy_memory(CopyMemory(lag=9, layout="locuslab")).output_size == 10
    assert task.baseline == pytest.approx(10 * math.log(8) / 1020)
    assert task.baseline == pytest.approx(0.020387, abs=1e-6)


def test_the_baseline_is_what_a_predictor_without_memory_gets():
    """It says blank until the marker, then every symbol with the same probability."""
    task = copy_memory(SMALL)
    batch = task.batch(jax.random.key(1), 20_000)
    knows_when = jnp.arange(task.steps)[:, None] >= SMALL.lag + SMALL.pattern
    blank = jnp.array([0.0, -jnp.inf, -jnp.inf, -jnp.inf])
    symbol = jnp.array([-jnp.inf, 0.0, 0.0, 0.0])
    logits = jnp.where(knows_when[..., None], symbol, blank)
    logits = jnp.broadcast_to(logits, (*batch.targets.shape, 4))
    loss = task.loss(logits, batch.targets).mean()
    np.testing.assert_allclose(loss, task.baseline, rtol=1e-5)
    accuracy = task.metrics(logits, batch)["recall_accuracy"]
    np.testing.assert_allclose(accuracy, task.chance["recall_accuracy"], atol=0.01)


def test_a_perfect_predictor_has_no_loss_and_recalls_everything():
    task = copy_memory(SMALL)
    batch = task.batch(jax.random.key(1), 50)
    logits = 50 * jax.nn.one_hot(batch.targets, task.output_size)
    assert task.loss(logits, batch.targets).max() < 1e-6
    assert task.metrics(logits, batch)["recall_accuracy"] == 1


def test_all_symbols_are_drawn_equally_often_and_independently():
    pattern = copy_memory(SMALL).batch(jax.random.key(2), 30_000).targets[-2:]
    pairs = np.zeros((3, 3))
    np.add.at(pairs, (pattern[0] - 1, pattern[1] - 1), 1)
    np.testing.assert_allclose(pairs / 30_000, 1 / 9, atol=0.01)


def test_a_batch_comes_from_its_key_alone():
    task = copy_memory(SMALL)
    one, again, other = (task.batch(jax.random.key(k), 9) for k in (0, 0, 1))
    np.testing.assert_array_equal(one.inputs, again.inputs)
    assert (one.inputs != other.inputs).any()


@pytest.mark.parametrize(
    "change",
    [{"lag": 5}, {"pattern": 3}, {"symbols": 4}, {"layout": "locuslab"}, {"variable": True}],
)
def test_each_field_changes_the_batch(change):
    changed = dataclasses.replace(SMALL, **change)
    before = copy_memory(SMALL).batch(jax.random.key(0), 64).inputs
    after = copy_memory(changed).batch(jax.random.key(0), 64).inputs
    assert before.shape != after.shape or (before != after).any()


def test_every_field_is_in_the_test_above():
    changed = {"lag", "pattern", "symbols", "layout", "variable"}
    assert {field.name for field in dataclasses.fields(CopyMemory)} == changed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lag": 0}, "lag must be at least 1, got 0"),
        ({"pattern": 0}, "pattern must be at least 1, got 0"),
        ({"symbols": 1}, "symbols must be at least 2, got 1"),
    ],
)
def test_illegal_tasks_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        CopyMemory(**change)


def test_variable_lags_by_hand():
    shown, _ = layout(SMALL, jnp.array([[3, 1, 2], [1, 2, 3]]))
    waited = delayed(shown, SMALL.pattern, jnp.array([0, 1, 3]))
    assert waited.T.tolist() == [
        [3, 1, 0, 0, 0, 4, 0, 0],
        [0, 1, 2, 0, 0, 4, 0, 0],
        [0, 0, 0, 2, 3, 4, 0, 0],
    ]


def test_variable_lags_are_equally_likely_and_due_at_the_same_steps():
    task = copy_memory(dataclasses.replace(SMALL, variable=True))
    batch = task.batch(jax.random.key(0), 20_000)
    shown = np.asarray(batch.inputs.argmax(-1))
    begins = (shown > 0).argmax(0)
    np.testing.assert_allclose(np.bincount(begins) / 20_000, [0.25] * 4, atol=0.02)
    rows = begins + np.arange(2)[:, None]
    np.testing.assert_array_equal(np.take_along_axis(shown, rows, 0), batch.targets[-2:])
