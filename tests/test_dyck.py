"""Brackets: their grammar by hand, their theory by enumeration and by counting."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarks.base import mean_loss
from experiments.benchmarks.memory.dyck import Dyck, dyck, sequences, theory_of
from experiments.config.settings import Train
from experiments.networks.sequence import network
from experiments.training.trainer import make_trainer
from recur.cells import CELLS


SMALL = Dyck(kinds=2, depth=3, length=8, tested=12)


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
    for draw, steps in ((task.batch, 8), (task.held_out, 12)):
        batch = draw(jax.random.key(0), 100)
        assert batch.inputs.shape == (steps, 100, 4) and batch.weights is None
        np.testing.assert_array_equal(batch.inputs.sum(-1), 1)
        shown = np.asarray(batch.inputs.argmax(-1))
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
    seen, new = (task.examined(jax.random.key(k), 40_000) for k in (2, 3))
    counts = np.zeros((4, 4))
    np.add.at(counts, (np.asarray(seen.inputs.argmax(-1)), np.asarray(seen.targets)), 1)
    logits = new.inputs @ jnp.log(counts / counts.sum(1, keepdims=True) + 1e-9)
    np.testing.assert_allclose(mean_loss(task, logits, new), task.baseline, atol=4e-3)
    found = task.metrics(logits, new)["closing_accuracy"]
    np.testing.assert_allclose(found, task.chance["closing_accuracy"], atol=5e-3)


def test_a_predictor_with_the_stack_has_the_optimum_and_closes_everything():
    task = dyck(SMALL)
    batch = task.examined(jax.random.key(4), 4_000)
    rows = [
        [following(stack, SMALL) for stack in stacks_of(word, 2)]
        for word in np.asarray(batch.inputs.argmax(-1)).T.tolist()
    ]
    logits = jnp.log(jnp.array(rows).swapaxes(0, 1) + 1e-9)
    np.testing.assert_allclose(mean_loss(task, logits, batch), task.optimum, atol=5e-3)
    assert task.metrics(logits, batch)["closing_accuracy"] == 1
    curve = task.profile.of(logits, batch)
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
    draw = jax.jit(dyck(SMALL).batch, static_argnums=1)
    one, again, other = (draw(jax.random.key(k), 9) for k in (0, 0, 1))
    np.testing.assert_array_equal(one.inputs, again.inputs)
    assert (one.inputs != other.inputs).any()


@pytest.mark.parametrize(
    "change", [{"kinds": 3}, {"depth": 2}, {"length": 9}, {"tested": 13}]
)
def test_each_field_changes_the_batch(change):
    draw = "held_out" if "tested" in change else "batch"
    tasks = dyck(SMALL), dyck(dataclasses.replace(SMALL, **change))
    one, other = (getattr(task, draw)(jax.random.key(0), 64).inputs for task in tasks)
    assert one.shape != other.shape or (one != other).any()


def test_every_field_is_in_the_test_above():
    changed = {"kinds", "depth", "length", "tested"}
    assert {field.name for field in dataclasses.fields(Dyck)} == changed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kinds": 1}, "kinds must be at least 2, got 1"),
        ({"depth": 1}, "depth must be at least 2, got 1"),
        ({"length": 1}, "length must be at least 2, got 1"),
        ({"tested": 39}, "tested must be at least 40, got 39"),
    ],
)
def test_illegal_tasks_are_refused(change, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Dyck(**change)


def test_a_gru_learns_to_keep_a_stack():
    task = dyck(Dyck(depth=3, length=20, tested=60))
    train = Train(steps=400, batch=64, learning_rate=0.01, eval_every=400,
                  checkpoint_every=400)  # fmt: skip
    trainer = make_trainer(network(CELLS["gru"](32), task), task, train)
    seed = jnp.int32(0)
    advance = jax.jit(trainer.advance)
    _, stretch = advance(trainer.init(seed), seed, jnp.int32(400))
    assert stretch.evaluation["closing_accuracy"] > 0.98
    gained = task.baseline - stretch.evaluation["eval_loss"]
    assert gained > 0.8 * (task.baseline - task.optimum)
