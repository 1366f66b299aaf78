"""Word order: the two classes by hand, and a bag of words that cannot tell them apart."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from experiments.benchmarks.base import mean_loss
from experiments.benchmarks.text.bag_of_words import bag_of_words
from experiments.benchmarks.text.word_order import (
    PARTS,
    WORDS,
    WordOrder,
    sentences,
    word_order,
)
from experiments.config.settings import Train
from experiments.launch.plan import make_plan
from experiments.networks.sequence import network
from experiments.training.trainer import make_trainer
from recur.cells import CELLS


SMALL = WordOrder(extra=2)
PART_OF = {word: part for part, words in PARTS.items() for word in words}


def spelled(config, key, classes):
    words = np.asarray(sentences(config, jax.random.key(key), jnp.asarray(classes)))
    return [[WORDS[index] for index in sentence] for sentence in words.T]


def trained(cell, steps):
    task = word_order(WordOrder(extra=5))
    train = Train(steps=steps, batch=64, learning_rate=0.005, eval_every=steps,
                  checkpoint_every=steps, eval_batch=2000)  # fmt: skip
    trainer = make_trainer(network(cell, task), task, train)
    seed = jnp.int32(0)
    advance = jax.jit(trainer.advance)
    return advance(trainer.init(seed), seed, jnp.int32(steps))[1].evaluation["accuracy"]


def test_no_word_has_two_parts_of_speech():
    assert len(set(WORDS)) == len(WORDS) == len(PART_OF)


@pytest.mark.parametrize(
    ("kind", "order"),
    [(1, "subject verb object particle"), (0, "subject particle verb object")],
)
def test_the_parts_of_a_sentence_by_hand(kind, order):
    expected = [*order.split(), "adverbial", "adverbial", "end"]
    for sentence in spelled(SMALL, 0, [kind] * 50):
        assert [PART_OF[word] for word in sentence] == expected


def test_a_pair_of_sentences_has_the_same_words():
    questions, statements = (spelled(SMALL, 1, [kind] * 50) for kind in (1, 0))
    for question, statement in zip(questions, statements, strict=True):
        assert question != statement
        assert sorted(question) == sorted(statement)


def test_the_class_is_due_at_the_last_step_alone():
    task = word_order(SMALL)
    batch = task.batch(jax.random.key(2), 200)
    assert batch.inputs.shape == (7, 200, len(WORDS)) and task.symbols == WORDS
    np.testing.assert_array_equal(batch.inputs.sum(-1), 1)
    np.testing.assert_array_equal(batch.weights[:-1], 0)
    np.testing.assert_array_equal(batch.weights[-1], 1)
    words, due = np.asarray(batch.inputs.argmax(-1)), np.asarray(batch.targets[-1])
    for sentence, kind in zip(words.T, due, strict=True):
        assert (PART_OF[WORDS[sentence[3]]] == "particle") == (kind == 1)


def test_classes_and_words_are_drawn_equally_often():
    batch = word_order(SMALL).batch(jax.random.key(3), 30_000)
    np.testing.assert_allclose(batch.targets[-1].mean(), 0.5, atol=0.01)
    counts = np.asarray(batch.inputs.sum((0, 1))) / 30_000
    for word, count in zip(WORDS, counts, strict=True):
        words = PARTS[PART_OF[word]]
        times = 2 if PART_OF[word] == "adverbial" else 1
        np.testing.assert_allclose(count, times / len(words), atol=0.015)


def test_the_counts_of_words_say_nothing_of_the_class():
    batch = word_order(SMALL).batch(jax.random.key(4), 60_000)
    bags = np.asarray(batch.inputs.sum(0))
    due = np.asarray(batch.targets[-1])
    for count in bags.T:
        for value in np.unique(count):
            share = due[count == value]
            assert abs(share.mean() - 0.5) < 5 * 0.5 / math.sqrt(share.size)


def test_the_baseline_is_what_a_predictor_without_memory_gets():
    """Counted on one sample, examined on another; the last word is all it sees."""
    task = word_order(SMALL)
    seen, new = (task.batch(jax.random.key(k), 20_000) for k in (5, 6))
    last = seen.inputs[-1]
    ones = last.T @ seen.targets[-1] + 1
    share = ones / (last.sum(0) + 2)
    logits = new.inputs @ jnp.log(jnp.stack([1 - share, share], axis=-1))
    np.testing.assert_allclose(mean_loss(task, logits, new), task.baseline, atol=1e-3)
    found = task.metrics(logits, new)["accuracy"]
    np.testing.assert_allclose(found, task.chance["accuracy"], atol=0.02)
    assert task.baseline == pytest.approx(math.log(2))


def test_a_batch_comes_from_its_key_alone():
    draw = jax.jit(word_order(SMALL).batch, static_argnums=1)
    one, again, other = (draw(jax.random.key(k), 9) for k in (0, 0, 1))
    np.testing.assert_array_equal(one.inputs, again.inputs)
    assert (one.inputs != other.inputs).any()


def test_each_field_changes_the_batch():
    assert {field.name for field in dataclasses.fields(WordOrder)} == {"extra"}
    longer = word_order(WordOrder(extra=3)).batch(jax.random.key(0), 4)
    assert longer.inputs.shape[0] == word_order(SMALL).steps + 1
    assert word_order(WordOrder(extra=0)).batch(jax.random.key(0), 4).inputs.shape[0] == 5


def test_illegal_tasks_are_refused():
    with pytest.raises(ValueError, match="^extra must be at least 0, got -1"):
        WordOrder(extra=-1)


def test_a_bag_of_words_is_a_cell_by_its_definition():
    cell = bag_of_words(4)
    xs = jax.random.normal(jax.random.key(0), (6, 3, 5))
    params = cell.init(jax.random.key(1), 5)
    _, ys = recur.unroll(cell, params, xs)
    np.testing.assert_allclose(ys, (xs @ params.w_x).cumsum(0), atol=1e-5)
    with pytest.raises(ValueError, match="hidden must be an integer >= 1"):
        bag_of_words(0)


def test_a_bag_of_words_has_the_same_output_for_either_order():
    task = word_order(SMALL)
    either = jnp.repeat(jnp.arange(2), 50)
    once = jax.random.key(7)
    pairs = [sentences(SMALL, once, either[half]) for half in (slice(50), slice(50, 100))]
    inputs = jax.nn.one_hot(jnp.concatenate(pairs, axis=1), len(WORDS))
    differ = {}
    for cell in (bag_of_words(16), CELLS["gru"](16)):
        net = network(cell, task)
        model = net.bind(jax.jit(net.init)(jax.random.key(0)))
        last = model(inputs)[-1]
        differ[cell] = jnp.abs(last[:50] - last[50:]).max()
    bag, gru = differ.values()
    assert bag < 1e-5 and gru > 1e-2


def test_a_bag_of_words_is_named_on_the_command_line():
    cells = "gru,experiments.benchmarks.text.bag_of_words:bag_of_words"
    plan = make_plan({"benchmark": "word_order", "cells": cells})
    assert plan.cells["bag_of_words"] is bag_of_words(plan.model.hidden)


def test_a_bag_of_words_stays_at_chance():
    assert abs(trained(bag_of_words(32), 300) - 0.5) < 0.05


def test_a_cell_that_sees_order_learns_it():
    assert trained(CELLS["gru"](32), 200) > 0.95
