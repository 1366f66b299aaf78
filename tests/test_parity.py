"""Parity: its targets by hand, and that no bit but all of them says what is due."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarks.base import mean_loss
from experiments.benchmarks.memory.parity import Parity, parity
from experiments.config.settings import Train
from experiments.networks.sequence import network
from experiments.training.trainer import make_trainer
from recur.cells import CELLS


SMALL = Parity(length=6, tested=9)


def logits_of(probabilities):
    return jnp.log(jnp.stack([1 - probabilities, probabilities], axis=-1))


def test_targets_are_the_parity_of_every_prefix_by_hand():
    task = parity(SMALL)
    for draw, steps in ((task.batch, 6), (task.held_out, 9)):
        batch = draw(jax.random.key(0), 50)
        assert batch.inputs.shape == (steps, 50, 2) and batch.weights is None
        np.testing.assert_array_equal(batch.inputs.sum(-1), 1)
        bits = np.asarray(batch.inputs[..., 1]).astype(int)
        for t in range(steps):
            odd = [sum(bits[: t + 1, b]) % 2 for b in range(50)]
            assert batch.targets[t].tolist() == odd


def test_sizes():
    task = parity(Parity())
    assert (task.steps, task.input_size, task.output_size) == (40, 2, 2)
    assert task.symbols == ("0", "1") and task.optimum == 0
    assert task.baseline == pytest.approx(math.log(2))


def test_bits_and_targets_are_fair_and_independent():
    batch = parity(SMALL).batch(jax.random.key(1), 40_000)
    bits = np.asarray(batch.inputs[..., 1]).reshape(6, -1)
    np.testing.assert_allclose(np.corrcoef(bits), np.eye(6), atol=0.02)
    np.testing.assert_allclose(bits.mean(1), 0.5, atol=0.01)
    np.testing.assert_allclose(batch.targets.mean(1), 0.5, atol=0.01)


def test_no_single_bit_says_anything_of_the_last_target():
    batch = parity(SMALL).batch(jax.random.key(2), 40_000)
    due = np.asarray(batch.targets[-1])
    for bits in np.asarray(batch.inputs[..., 1], int):
        joint = np.histogram2d(bits, due, bins=2)[0] / due.size
        alone = joint.sum(1)[:, None] * joint.sum(0)
        # Of counts it is 1 / (2 n) on average where there is none.
        assert (joint * np.log(joint / alone)).sum() < 2e-4


def test_the_baseline_is_what_a_predictor_without_memory_gets():
    """Counted on one sample, examined on another."""
    task = parity(Parity(length=40, tested=40))
    seen, new = (task.batch(jax.random.key(k), 5_000) for k in (3, 4))
    odd = [seen.targets[seen.inputs[..., 1] == bit].mean() for bit in (0, 1)]
    logits = logits_of(new.inputs @ jnp.array(odd))
    np.testing.assert_allclose(mean_loss(task, logits, new), task.baseline, atol=1e-3)


def test_metrics_and_profile_split_at_the_trained_length():
    """A predictor that is right to the end of training, and guesses from there on."""
    task = parity(SMALL)
    batch = task.examined(jax.random.key(5), 20_000)
    trained = jnp.arange(9)[:, None] < 6
    logits = logits_of(jnp.where(trained, batch.targets, 0.6))
    metrics = task.metrics(logits, batch)
    assert metrics["trained_accuracy"] == 1
    np.testing.assert_allclose(metrics["accuracy"], task.chance["accuracy"], atol=0.01)
    curve = task.profile.of(logits, batch)
    assert curve.shape == (10,) and jnp.isnan(curve[0])
    np.testing.assert_array_equal(curve[1:7], 1)
    np.testing.assert_allclose(curve[7:], task.profile.chance, atol=0.02)


def test_without_longer_sequences_both_accuracies_are_of_all_steps():
    task = parity(Parity(length=6, tested=6))
    batch = task.examined(jax.random.key(6), 100)
    metrics = task.metrics(logits_of(batch.inputs[..., 1]), batch)
    assert metrics["accuracy"] == metrics["trained_accuracy"] != 1


def test_a_batch_comes_from_its_key_alone():
    draw = jax.jit(parity(SMALL).batch, static_argnums=1)
    one, again, other = (draw(jax.random.key(k), 9) for k in (0, 0, 1))
    np.testing.assert_array_equal(one.inputs, again.inputs)
    assert (one.inputs != other.inputs).any()


def test_each_field_changes_the_batch():
    changes = {"length": 7, "tested": 10}
    assert {field.name for field in dataclasses.fields(Parity)} == set(changes)
    longer, further = (dataclasses.replace(SMALL, **{k: v}) for k, v in changes.items())
    assert parity(longer).batch(jax.random.key(0), 2).inputs.shape[0] == 7
    assert parity(further).examined(jax.random.key(0), 2).inputs.shape[0] == 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"length": 1}, "length must be at least 2, got 1"),
        ({"tested": 39}, "tested must be at least 40, got 39"),
    ],
)
def test_illegal_tasks_are_refused(change, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Parity(**change)


def test_an_lstm_learns_the_rule_and_not_the_length():
    task = parity(Parity(length=20, tested=100))
    train = Train(steps=400, batch=64, learning_rate=0.01, eval_every=400,
                  checkpoint_every=400)  # fmt: skip
    trainer = make_trainer(network(CELLS["lstm"](24), task), task, train)
    seed = jnp.int32(0)
    advance = jax.jit(trainer.advance)
    _, stretch = advance(trainer.init(seed), seed, jnp.int32(400))
    assert stretch.evaluation["accuracy"] > 0.99
    assert stretch.evaluation["trained_accuracy"] > 0.99
