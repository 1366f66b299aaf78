"""The adding problem: its sums by hand, its marks by counting, its chance exactly."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarks.memory.adding import Adding, adding
from tests.batches import drawn, loss_of, metric_of
from tests.learning import learned


SMALL = Adding(steps=6)


def train_batch(config, count=20_000):
    return drawn(adding(config).train, count)


@pytest.mark.parametrize("marks", ["any", "halves"])
def test_the_target_at_the_end_is_the_sum_of_two_marked_numbers(marks):
    batch = train_batch(Adding(steps=7, marks=marks))
    numbers, flags = np.moveaxis(np.asarray(batch.inputs), -1, 0)
    assert set(np.unique(flags)) == {0, 1}
    assert (flags.sum(0) == 2).all()
    np.testing.assert_allclose(batch.targets[-1], (numbers * flags).sum(0), rtol=1e-6)
    assert (batch.targets[:-1] == 0).all() and (batch.weights[:-1] == 0).all()
    assert 0 <= numbers.min() and numbers.max() < 1


def test_any_two_steps_are_marked_equally_often():
    flags = np.asarray(train_batch(SMALL).inputs[..., 1])
    pairs = flags @ flags.T / flags.shape[1]
    np.testing.assert_allclose(pairs[~np.eye(6, dtype=bool)], 1 / 15, atol=0.01)


def test_halves_have_one_mark_each():
    flags = np.asarray(train_batch(Adding(steps=7, marks="halves")).inputs[..., 1])
    assert (flags[:3].sum(0) == 1).all() and (flags[3:].sum(0) == 1).all()
    np.testing.assert_allclose(flags[:3].mean(1), 1 / 3, atol=0.02)
    np.testing.assert_allclose(flags[3:].mean(1), 1 / 4, atol=0.02)


def test_to_say_one_always_is_the_baseline_and_nothing_else_is_better():
    task, batch = adding(SMALL), train_batch(SMALL, 200_000)
    outputs = jnp.ones((*batch.targets.shape, 1))
    losses = {c: float(loss_of(task, outputs * c, batch)) for c in (0.9, 1.0, 1.1)}
    assert losses[1.0] == pytest.approx(1 / 6, rel=0.01) and task.baseline == 1 / 6
    assert losses[1.0] < min(losses[0.9], losses[1.1])
    chance = metric_of(task, "accuracy", outputs, batch)
    assert chance == pytest.approx(task.memoryless["accuracy"], abs=0.003)


def test_an_unmarked_number_says_nothing_of_the_sum():
    batch = train_batch(SMALL, 50_000)
    numbers, flags = np.moveaxis(np.asarray(batch.inputs), -1, 0)
    for step in range(6):
        unmarked = flags[step] == 0
        found = np.corrcoef(numbers[step, unmarked], batch.targets[-1, unmarked])[0, 1]
        assert abs(found) < 0.02


@pytest.mark.parametrize("change", [{"steps": 8}, {"marks": "halves"}])
def test_each_field_changes_the_batch(change):
    changed = train_batch(dataclasses.replace(SMALL, **change), 64).inputs
    before = train_batch(SMALL, 64).inputs
    assert changed.shape != before.shape or (changed != before).any()


def test_too_short_a_task_is_refused():
    with pytest.raises(ValueError, match="steps must be at least 2, got 1"):
        Adding(steps=1)


def test_it_is_learned():
    found = learned(adding(Adding(steps=10)), "gru", steps=600, learning_rate=0.01)
    assert found["loss"] < 0.1 / 6
