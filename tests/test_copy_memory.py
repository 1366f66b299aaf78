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
from tests.batches import drawn, loss_of, metric_of, outputs_of


SMALL = CopyMemory(lag=4, pattern_length=2, symbols=3)


def test_the_layout_of_arjovsky_by_hand():
    shown, targets = layout(SMALL, jnp.array([[3], [1]]))
    # Two symbols, lag - 1 blanks, the marker S + 1 = 4, then two blanks to answer in.
    assert shown[:, 0].tolist() == [3, 1, 0, 0, 0, 4, 0, 0]
    assert targets[:, 0].tolist() == [0, 0, 0, 0, 0, 0, 3, 1]


def test_the_layout_of_locuslab_by_hand():
    config = dataclasses.replace(SMALL, layout="locuslab")
    shown, targets = layout(config, jnp.array([[3], [1]]))
    # The marker stays to the end, pattern + 1 times.
    assert shown[:, 0].tolist() == [3, 1, 0, 0, 0, 4, 4, 4]
    assert targets[:, 0].tolist() == [0, 0, 0, 0, 0, 0, 3, 1]


def test_inputs_are_ids_or_one_number():
    ids = drawn(copy_memory(SMALL).train, 5)
    number = drawn(copy_memory(dataclasses.replace(SMALL, layout="locuslab")).train, 5)
    assert ids.inputs.shape == (8, 5) and number.inputs.shape == (8, 5, 1)
    np.testing.assert_array_equal(ids.inputs[:2], number.inputs[:2, :, 0])
    np.testing.assert_array_equal(ids.targets, number.targets)


def test_sizes_of_the_published_task():
    task = copy_memory(CopyMemory(lag=1000))
    assert (task.steps, len(task.vocabulary)) == (1020, 10)
    assert outputs_of(task).shape == (1020, 2, 9)
    assert outputs_of(copy_memory(CopyMemory(lag=9, layout="locuslab"))).shape[-1] == 10
    assert task.baseline == pytest.approx(10 * math.log(8) / 1020)
    assert task.baseline == pytest.approx(0.020387, abs=1e-6)


def test_the_baseline_is_what_a_predictor_without_memory_gets():
    """It says blank until the marker, then every symbol with the same probability."""
    task = copy_memory(SMALL)
    batch = drawn(task.train, 20_000, key=1)
    knows_when = jnp.arange(task.steps)[:, None] >= SMALL.lag + SMALL.pattern_length
    blank = jnp.array([0.0, -jnp.inf, -jnp.inf, -jnp.inf])
    symbol = jnp.array([-jnp.inf, 0.0, 0.0, 0.0])
    logits = jnp.where(knows_when[..., None], symbol, blank)
    logits = jnp.broadcast_to(logits, (*batch.targets.shape, 4))
    np.testing.assert_allclose(loss_of(task, logits, batch), task.baseline, rtol=1e-5)
    accuracy = metric_of(task, "recall_accuracy", logits, batch)
    np.testing.assert_allclose(accuracy, task.memoryless["recall_accuracy"], atol=0.01)


def test_a_perfect_predictor_has_no_loss_and_recalls_everything():
    task = copy_memory(SMALL)
    batch = drawn(task.train, 50, key=1)
    logits = 50 * jax.nn.one_hot(batch.targets, 4)
    assert loss_of(task, logits, batch) < 1e-6
    assert metric_of(task, "recall_accuracy", logits, batch) == 1


def test_all_symbols_are_drawn_equally_often_and_independently():
    pattern = drawn(copy_memory(SMALL).train, 30_000, key=2).targets[-2:]
    pairs = np.zeros((3, 3))
    np.add.at(pairs, (pattern[0] - 1, pattern[1] - 1), 1)
    np.testing.assert_allclose(pairs / 30_000, 1 / 9, atol=0.01)


def test_a_batch_comes_from_its_key_alone():
    task = copy_memory(SMALL)
    one, again, other = (drawn(task.train, 9, key) for key in (0, 0, 1))
    np.testing.assert_array_equal(one.inputs, again.inputs)
    assert (one.inputs != other.inputs).any()


@pytest.mark.parametrize(
    "change",
    [
        {"lag": 5},
        {"pattern_length": 3},
        {"symbols": 4},
        {"layout": "locuslab"},
        {"random_lag": True},
    ],
)
def test_each_field_changes_the_batch(change):
    changed = dataclasses.replace(SMALL, **change)
    before = drawn(copy_memory(SMALL).train, 64).inputs
    after = drawn(copy_memory(changed).train, 64).inputs
    assert before.shape != after.shape or (before != after).any()


def test_every_field_is_in_the_test_above():
    changed = {"lag", "pattern_length", "symbols", "layout", "random_lag"}
    assert {field.name for field in dataclasses.fields(CopyMemory)} == changed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lag": 0}, "lag must be at least 1, got 0"),
        ({"pattern_length": 0}, "pattern_length must be at least 1, got 0"),
        ({"symbols": 1}, "symbols must be at least 2, got 1"),
    ],
)
def test_illegal_tasks_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        CopyMemory(**change)


def test_random_lags_by_hand():
    shown, _ = layout(SMALL, jnp.array([[3, 1, 2], [1, 2, 3]]))
    waited = delayed(shown, SMALL.pattern_length, jnp.array([0, 1, 3]))
    assert waited.T.tolist() == [
        [3, 1, 0, 0, 0, 4, 0, 0],
        [0, 1, 2, 0, 0, 4, 0, 0],
        [0, 0, 0, 2, 3, 4, 0, 0],
    ]


def test_random_lags_are_equally_likely_and_targets_stay_at_the_same_steps():
    task = copy_memory(dataclasses.replace(SMALL, random_lag=True))
    batch = drawn(task.train, 20_000)
    shown = np.asarray(batch.inputs)
    begins = (shown > 0).argmax(0)
    np.testing.assert_allclose(np.bincount(begins) / 20_000, [0.25] * 4, atol=0.02)
    rows = begins + np.arange(2)[:, None]
    np.testing.assert_array_equal(np.take_along_axis(shown, rows, 0), batch.targets[-2:])
