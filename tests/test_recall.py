"""Delayed recall, temporal order and hello: cues where they must be, and nothing else."""

import dataclasses
import math

import numpy as np
import pytest

from experiments.benchmarks.memory.delayed_recall import DelayedRecall, delayed_recall
from experiments.benchmarks.memory.temporal_order import TemporalOrder, temporal_order
from experiments.benchmarks.text.hello import Hello, hello
from tests.batches import drawn
from tests.learning import learned


RECALL = DelayedRecall(lag=4, symbols=3, distractors=2)
ORDER = TemporalOrder(steps=20)


def read(task, count=20_000):
    """Inputs `[T, B]`, and the targets at the end `[B]`."""
    batch = drawn(task.train, count)
    assert (batch.weights[:-1] == 0).all() and (batch.weights[-1] == 1).all()
    return np.asarray(batch.inputs), np.asarray(batch.targets[-1])


def information(a, b):
    """Mutual information of two columns of ids, nats, by counting."""
    joint = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(joint, (a, b), 1 / len(a))
    apart = joint.sum(1, keepdims=True) * joint.sum(0)
    return (joint * np.log(np.where(joint > 0, joint / np.maximum(apart, 1e-300), 1))).sum()


def test_the_target_at_the_marker_is_the_first_symbol():
    shown, target = read(delayed_recall(RECALL))
    assert shown.shape[0] == 5
    np.testing.assert_array_equal(shown[0], target)
    assert set(np.unique(shown[1:-1])) == {3, 4} and set(shown[-1]) == {5}
    np.testing.assert_allclose(np.bincount(target) / len(target), 1 / 3, atol=0.02)


def test_only_the_cue_tells_the_target():
    shown, target = read(delayed_recall(RECALL))
    assert information(shown[0], target) == pytest.approx(math.log(3), abs=1e-3)
    assert max(information(row, target) for row in shown[1:]) < 1e-3
    assert delayed_recall(RECALL).baseline == pytest.approx(math.log(3))


@pytest.mark.parametrize(
    ("cues", "ranges"), [(2, [(2, 4), (10, 12)]), (3, [(2, 4), (6, 8), (12, 14)])]
)
def test_the_target_is_the_order_of_the_cues(cues, ranges):
    task = temporal_order(dataclasses.replace(ORDER, cues=cues))
    shown, target = read(task)
    is_cue = shown < 2
    assert (is_cue.sum(0) == cues).all()
    rebuilt = np.zeros_like(target)
    for low, high in ranges:
        assert (is_cue[low:high].sum(0) == 1).all()
        np.testing.assert_allclose(is_cue[low:high].mean(1), 0.5, atol=0.02)
        cue = np.where(is_cue[low:high], shown[low:high], 0).sum(0)
        rebuilt = 2 * rebuilt + cue
    np.testing.assert_array_equal(rebuilt, target)
    np.testing.assert_allclose(np.bincount(target) / len(target), 0.5**cues, atol=0.02)
    assert task.baseline == pytest.approx(cues * math.log(2))
    assert task.memoryless["error"] == 1 - 0.5**cues


def test_no_single_step_tells_the_order():
    shown, target = read(temporal_order(ORDER))
    # A cue tells one of two bits, in half of the sequences where its range has two steps.
    limit = math.log(2) / 2
    assert max(information(row, target) for row in shown) < limit + 0.01
    outside = [t for t in range(20) if t not in (2, 3, 10, 11)]
    assert max(information(shown[t], target) for t in outside) < 1e-3


def test_hello_is_spelled_and_what_follows_an_l_is_open():
    task = hello(Hello())
    batch = drawn(task.train, 2)
    for ids, word in ((batch.inputs, "hell"), (batch.targets, "ello")):
        assert "".join(task.vocabulary[i] for i in ids[:, 1]) == word
    assert task.baseline == pytest.approx(math.log(2) / 2)
    assert task.references == {"uniform": pytest.approx(math.log(4))}


@pytest.mark.parametrize(
    ("build", "config", "change"),
    [
        (delayed_recall, RECALL, {"lag": 5}),
        (delayed_recall, RECALL, {"symbols": 4}),
        (delayed_recall, RECALL, {"distractors": 3}),
        (temporal_order, ORDER, {"steps": 30}),
        (temporal_order, ORDER, {"cues": 3}),
    ],
)
def test_each_field_changes_the_batch(build, config, change):
    before = drawn(build(config).train, 64)
    after = drawn(build(dataclasses.replace(config, **change)).train, 64)
    same = before.inputs.shape == after.inputs.shape
    assert not same or (before.inputs != after.inputs).any()


@pytest.mark.parametrize(
    ("config", "change", "message"),
    [
        (RECALL, {"lag": 0}, "lag must be at least 1, got 0"),
        (RECALL, {"symbols": 1}, "symbols must be at least 2, got 1"),
        (RECALL, {"distractors": 0}, "distractors must be at least 1, got 0"),
        (ORDER, {"steps": 9}, "steps must be at least 10, got 9"),
        (ORDER, {"cues": 4}, "cues must be 2 or 3, got 4"),
    ],
)
def test_illegal_tasks_are_refused(config, change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(config, **change)


def test_they_are_learned():
    found = learned(delayed_recall(RECALL), "gru", steps=200)
    assert found["accuracy"] == 1
    found = learned(temporal_order(TemporalOrder(steps=12)), "gru", steps=400)
    assert found["error"] < 0.05
    assert learned(hello(Hello()), "rnn", steps=200)["accuracy"] == 1
