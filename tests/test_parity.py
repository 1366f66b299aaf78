"""Parity: its targets by hand, and that only all bits together tell them."""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarks.memory.parity import Parity, parity
from tests.batches import drawn, loss_of, mean, metric_of
from tests.learning import learned


SMALL = Parity(length=6, eval_length=9)


def logits_of(probabilities):
    return jnp.log(jnp.stack([1 - probabilities, probabilities], axis=-1))


def test_targets_are_the_parity_of_every_prefix_by_hand():
    task = parity(SMALL)
    for data, steps in ((task.train, 6), (task.validation, 9)):
        batch = drawn(data, 50)
        assert batch.inputs.shape == (steps, 50) and batch.weights is None
        bits = np.asarray(batch.inputs)
        assert set(np.unique(bits)) == {0, 1}
        for t in range(steps):
            odd = [sum(bits[: t + 1, b]) % 2 for b in range(50)]
            assert batch.targets[t].tolist() == odd


def test_sizes():
    task = parity(Parity())
    assert (task.steps, task.optimum, task.vocabulary) == (40, 0, ("0", "1"))
    assert task.baseline == pytest.approx(math.log(2))


def test_bits_and_targets_are_fair_and_independent():
    batch = drawn(parity(SMALL).train, 40_000, key=1)
    bits = np.asarray(batch.inputs)
    np.testing.assert_allclose(np.corrcoef(bits), np.eye(6), atol=0.02)
    np.testing.assert_allclose(bits.mean(1), 0.5, atol=0.01)
    np.testing.assert_allclose(batch.targets.mean(1), 0.5, atol=0.01)


def test_no_single_bit_tells_the_last_target():
    batch = drawn(parity(SMALL).train, 40_000, key=2)
    parities = np.asarray(batch.targets[-1])
    for bits in np.asarray(batch.inputs):
        joint = np.histogram2d(bits, parities, bins=2)[0] / parities.size
        alone = joint.sum(1)[:, None] * joint.sum(0)
        # Counting finds 1 / (2 n) on average where there is none.
        assert (joint * np.log(joint / alone)).sum() < 2e-4


def test_the_baseline_is_what_a_predictor_without_memory_gets():
    """Counted on one sample, examined on another."""
    task = parity(Parity(length=40, eval_length=40))
    seen, new = (drawn(task.train, 5_000, key) for key in (3, 4))
    odd = [seen.targets[seen.inputs == bit].mean() for bit in (0, 1)]
    logits = logits_of(jnp.array(odd)[new.inputs])
    np.testing.assert_allclose(loss_of(task, logits, new), task.baseline, atol=1e-3)


def test_metrics_and_curve_split_at_the_trained_length():
    """A predictor that is right to the end of training, and guesses from there on."""
    task = parity(SMALL)
    batch = drawn(task.validation, 20_000, key=5)
    trained = jnp.arange(9)[:, None] < 6
    logits = logits_of(jnp.where(trained, batch.targets, 0.6))
    assert metric_of(task, "trained_accuracy", logits, batch) == 1
    longer = metric_of(task, "accuracy", logits, batch)
    np.testing.assert_allclose(longer, task.memoryless["accuracy"], atol=0.01)
    curve = task.curves["length"]
    values = mean(curve.terms, logits, batch)
    assert values.shape == (10,) and jnp.isnan(values[0])
    np.testing.assert_array_equal(values[1:7], 1)
    np.testing.assert_allclose(values[7:], curve.memoryless, atol=0.02)


def test_metrics_and_curve_leave_out_what_has_no_weight():
    task = parity(SMALL)
    batch = drawn(task.validation, 100, key=5)
    real = jnp.arange(100) < 60
    batch = batch._replace(weights=jnp.broadcast_to(real, batch.targets.shape) * 1.0)
    logits = logits_of(jnp.where(real, batch.targets, 1 - batch.targets))
    for metric in task.metrics.values():
        assert metric.terms(logits, batch)[1] in (3 * 60, 6 * 60)
        assert mean(metric.terms, logits, batch) == 1
    sums, counts = task.curves["length"].terms(logits, batch)
    np.testing.assert_array_equal(sums, [0, *[60] * 9])
    np.testing.assert_array_equal(counts, sums)


def test_without_longer_sequences_both_accuracies_are_of_all_steps():
    task = parity(Parity(length=6, eval_length=6))
    batch = drawn(task.validation, 100, key=6)
    logits = logits_of(batch.inputs)
    every, trained = (metric_of(task, name, logits, batch) for name in task.metrics)
    assert every == trained != 1


def test_a_batch_comes_from_its_key_alone():
    one, again, other = (drawn(parity(SMALL).train, 9, key) for key in (0, 0, 1))
    np.testing.assert_array_equal(one.inputs, again.inputs)
    assert (one.inputs != other.inputs).any()


def test_each_field_changes_the_batch():
    changes = {"length": 7, "eval_length": 10}
    assert {field.name for field in dataclasses.fields(Parity)} == set(changes)
    longer, further = (dataclasses.replace(SMALL, **{k: v}) for k, v in changes.items())
    assert drawn(parity(longer).train, 2).inputs.shape[0] == 7
    assert drawn(parity(further).validation, 2).inputs.shape[0] == 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"length": 1}, "length must be at least 2, got 1"),
        ({"eval_length": 39}, "eval_length must be at least 40, got 39"),
    ],
)
def test_illegal_tasks_are_refused(change, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Parity(**change)


def test_an_lstm_learns_the_rule_and_not_the_length():
    found = learned(parity(Parity(length=20, eval_length=100)), "lstm", steps=400, batch=64)
    assert found["accuracy"] > 0.99 and found["trained_accuracy"] > 0.99
