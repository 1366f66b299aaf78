"""Brackets: their grammar by hand, their theory by enumeration and by counting."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarks.memory.dyck import Dyck, dyck, sequences, theory_of
from tests.batches import drawn, loss_of, mean, metric_of
from tests.learning import learned


SMALL = Dyck(kinds=2, depth=3, length=8, eval_length=12)


def stacks_of(brackets, kinds):
    """The open brackets after each one of a sequence, with what closes checked."""
    stack, stacks = [], []
    for bracket in brackets:
        if bracket < kinds:
            stack = [*stack, bracket]
        else:
            assert stack[-1] == bracket - kinds
            stack = stack[:-1]
        stacks.append(stack)
    return stacks


def following(stack, config):
    """The probability of every next bracket, given those that are open."""
    p = np.zeros(2 * config.kinds)
    opens = {0: 1.0, config.depth: 0.0}.get(len(stack), 0.5)
    p[: config.kinds] = opens / config.kinds
    if stack:
        p[config.kinds + stack[-1]] = 1 - opens
    return p


def words(config, count):
    """Every sequence of `count` brackets, its probability and its stacks."""
    found = {(): 1.0}
    for _ in range(count):
        found = {
            (*word, bracket): p * q
            for word, p in found.items()
            for bracket, q in enumerate(
                following((stacks_of(word, config.kinds) or [[]])[-1], config)
            )
            if q > 0
        }
    return {word: (p, stacks_of(word, config.kinds)) for word, p in found.items()}


def entropy(p):
    return -sum(q * math.log(q) for q in np.ravel(p) if q > 0)


def test_every_sequence_is_in_the_language_and_inputs_are_one_behind():
    task = dyck(SMALL)
    for data, steps in ((task.train, 8), (task.validation, 12)):
        batch = drawn(data, 100)
        assert batch.inputs.shape == (steps, 100) and batch.weights is None
        shown = np.asarray(batch.inputs)
        np.testing.assert_array_equal(shown[1:], batch.targets[:-1])
        whole = np.concatenate([shown, batch.targets[-1:]])
        depths = [[len(s) for s in stacks_of(word, 2)] for word in whole.T.tolist()]
        assert np.max(depths) == 3 and np.min(depths) == 0


def test_every_word_is_as_frequent_as_its_definition_has_it():
    drawn = np.asarray(sequences(SMALL, jax.random.key(1), 5, 60_000)).T.tolist()
    expected = words(SMALL, 5)
    assert {tuple(word) for word in drawn} == set(expected)
    for word, (p, _) in expected.items():
        found = sum(other == list(word) for other in drawn) / len(drawn)
        assert found == pytest.approx(p, abs=5 * math.sqrt(p / len(drawn)))


def test_theory_is_that_of_all_words_enumerated():
    steps, config = 6, dataclasses.replace(SMALL, depth=2)
    pairs, optimum = np.zeros((4, 4)), 0.0
    for word, (p, stacks) in words(config, steps + 1).items():
        for t in range(steps):
            pairs[word[t], word[t + 1]] += p / steps
            optimum += p * entropy(following(stacks[t], config)) / steps
    theory = theory_of(config, steps)
    assert theory.optimum == pytest.approx(optimum)
    assert theory.baseline == pytest.approx(entropy(pairs) - entropy(pairs.sum(1)))
    closings = pairs[:, 2:]
    assert theory.chance == pytest.approx(closings.max(1).sum() / closings.sum())


def test_the_baseline_is_what_a_predictor_without_memory_gets():
    """Counted on one sample, examined on another."""
    task = dyck(SMALL)
    seen, new = (drawn(task.validation, 40_000, key) for key in (2, 3))
    counts = np.zeros((4, 4))
    np.add.at(counts, (np.asarray(seen.inputs), np.asarray(seen.targets)), 1)
    logits = jnp.log(counts / counts.sum(1, keepdims=True) + 1e-9)[new.inputs]
    np.testing.assert_allclose(loss_of(task, logits, new), task.baseline, atol=4e-3)
    found = metric_of(task, "closing_accuracy", logits, new)
    np.testing.assert_allclose(found, task.memoryless["closing_accuracy"], atol=5e-3)


def test_a_predictor_with_the_stack_has_the_optimum_and_closes_everything():
    task = dyck(SMALL)
    batch = drawn(task.validation, 4_000, key=4)
    rows = [
        [following(stack, SMALL) for stack in stacks_of(word, 2)]
        for word in np.asarray(batch.inputs).T.tolist()
    ]
    logits = jnp.log(jnp.array(rows).swapaxes(0, 1) + 1e-9)
    np.testing.assert_allclose(loss_of(task, logits, batch), task.optimum, atol=5e-3)
    assert metric_of(task, "closing_accuracy", logits, batch) == 1
    curve = mean(task.curves["length"].terms, logits, batch)
    assert curve.shape == (13,) and jnp.isnan(curve[0])
    np.testing.assert_array_equal(curve[1:], 1)


def test_right_after_one_closed_no_bracket_tells_the_kind_that_closes_next():
    """But for those on the stack: the one that just closed, or any at the same place."""
    shown = np.asarray(sequences(SMALL, jax.random.key(5), 7, 60_000))
    twice = (shown[-2] >= 2) & (shown[-1] >= 2)
    joint = np.histogram2d(shown[-2, twice], shown[-1, twice], bins=2)[0] / twice.sum()
    alone = joint.sum(1)[:, None] * joint.sum(0)
    assert (joint * np.log(joint / alone)).sum() < 5e-4


def test_a_batch_comes_from_its_key_alone():
    one, again, other = (drawn(dyck(SMALL).train, 9, key) for key in (0, 0, 1))
    np.testing.assert_array_equal(one.inputs, again.inputs)
    assert (one.inputs != other.inputs).any()


@pytest.mark.parametrize(
    "change", [{"kinds": 3}, {"depth": 2}, {"length": 9}, {"eval_length": 13}]
)
def test_each_field_changes_the_batch(change):
    name = "validation" if "eval_length" in change else "train"
    tasks = dyck(SMALL), dyck(dataclasses.replace(SMALL, **change))
    one, other = (drawn(getattr(task, name), 64).inputs for task in tasks)
    assert one.shape != other.shape or (one != other).any()


def test_every_field_is_in_the_test_above():
    changed = {"kinds", "depth", "length", "eval_length"}
    assert {field.name for field in dataclasses.fields(Dyck)} == changed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kinds": 1}, "kinds must be at least 2, got 1"),
        ({"depth": 1}, "depth must be at least 2, got 1"),
        ({"length": 1}, "length must be at least 2, got 1"),
        ({"eval_length": 39}, "eval_length must be at least 40, got 39"),
    ],
)
def test_illegal_tasks_are_refused(change, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Dyck(**change)


def test_weights_choose_the_closings_that_count():
    task = dyck(SMALL)
    batch = drawn(task.validation, 50, key=6)
    batch = batch._replace(weights=jnp.zeros(batch.targets.shape).at[:, 7].set(1.0))
    logits = jax.nn.one_hot(batch.targets, 4)
    closings = (np.asarray(batch.targets) >= 2).astype(int)[:, 7]
    assert task.metrics["closing_accuracy"].terms(logits, batch) == (closings.sum(),) * 2
    sums, counts = task.curves["length"].terms(logits, batch)
    np.testing.assert_array_equal(sums, [0, *closings])
    np.testing.assert_array_equal(counts, sums)


def test_a_gru_learns_to_keep_a_stack():
    task = dyck(Dyck(depth=3, length=20, eval_length=60))
    found = learned(task, "gru", steps=400, batch=64, hidden=32)
    assert found["closing_accuracy"] > 0.98
    assert task.baseline - found["loss"] > 0.8 * (task.baseline - task.optimum)
