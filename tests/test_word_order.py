"""Word order: the two classes by hand, and a bag of words that cannot tell them apart."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
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
from experiments.networks.base import Batch
from experiments.networks.recurrent import make_recurrent
from experiments.training.trainer import arrays_of, make_trainer
from recur.cells import CELLS
from tests.batches import drawn, loss_of, metric_of


SMALL = WordOrder(extra=2)
PART_OF = {word: part for part, words in PARTS.items() for word in words}


def spelled(config, key, classes):
    words = np.asarray(sentences(config, jax.random.key(key), jnp.asarray(classes)))
    return [[WORDS[index] for index in sentence] for sentence in words.T]


def trained(cell, steps):
    task = word_order(WordOrder(extra=5))
    train = Train(steps=steps, batch=64, learning_rate=0.005, eval_every=steps,
                  checkpoint_every=steps, eval_batch=2000)  # fmt: skip
    trainer = make_trainer(task.network(make_recurrent(cell)), task, train)
    seed, arrays = jnp.int32(0), arrays_of(task)
    _, log = jax.jit(trainer.train_steps)(arrays, trainer.init(seed), seed, jnp.int32(steps))
    return log.evaluation["accuracy"]


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


def test_the_class_is_the_target_of_the_last_step_alone():
    task = word_order(SMALL)
    batch = drawn(task.train, 200, key=2)
    assert batch.inputs.shape == (7, 200) and task.vocabulary == WORDS
    np.testing.assert_array_equal(batch.weights[:-1], 0)
    np.testing.assert_array_equal(batch.weights[-1], 1)
    words, classes = np.asarray(batch.inputs), np.asarray(batch.targets[-1])
    for sentence, kind in zip(words.T, classes, strict=True):
        assert (PART_OF[WORDS[sentence[3]]] == "particle") == (kind == 1)


def test_classes_and_words_are_drawn_equally_often():
    batch = drawn(word_order(SMALL).train, 30_000, key=3)
    np.testing.assert_allclose(batch.targets[-1].mean(), 0.5, atol=0.01)
    counts = np.bincount(np.ravel(batch.inputs), minlength=len(WORDS)) / 30_000
    for word, count in zip(WORDS, counts, strict=True):
        words = PARTS[PART_OF[word]]
        times = 2 if PART_OF[word] == "adverbial" else 1
        np.testing.assert_allclose(count, times / len(words), atol=0.015)


def test_the_counts_of_words_do_not_tell_the_class():
    batch = drawn(word_order(SMALL).train, 60_000, key=4)
    bags = np.asarray(jax.nn.one_hot(batch.inputs, len(WORDS)).sum(0))
    classes = np.asarray(batch.targets[-1])
    for count in bags.T:
        for value in np.unique(count):
            share = classes[count == value]
            assert abs(share.mean() - 0.5) < 5 * 0.5 / math.sqrt(share.size)


def test_the_baseline_is_what_a_predictor_without_memory_gets():
    """Counted on one sample, examined on another; the last word is all it sees."""
    task = word_order(SMALL)
    seen, new = (drawn(task.train, 20_000, key) for key in (5, 6))
    last = jax.nn.one_hot(seen.inputs[-1], len(WORDS))
    ones = last.T @ seen.targets[-1] + 1
    share = ones / (last.sum(0) + 2)
    logits = jnp.log(jnp.stack([1 - share, share], axis=-1))[new.inputs]
    np.testing.assert_allclose(loss_of(task, logits, new), task.baseline, atol=1e-3)
    found = metric_of(task, "accuracy", logits, new)
    np.testing.assert_allclose(found, task.memoryless["accuracy"], atol=0.02)
    assert task.baseline == pytest.approx(math.log(2))


def test_a_batch_comes_from_its_key_alone():
    one, again, other = (drawn(word_order(SMALL).train, 9, key) for key in (0, 0, 1))
    np.testing.assert_array_equal(one.inputs, again.inputs)
    assert (one.inputs != other.inputs).any()


def test_each_field_changes_the_batch():
    assert {field.name for field in dataclasses.fields(WordOrder)} == {"extra"}
    longer = drawn(word_order(WordOrder(extra=3)).train, 4)
    assert longer.inputs.shape[0] == word_order(SMALL).steps + 1
    assert drawn(word_order(WordOrder(extra=0)).train, 4).inputs.shape[0] == 5


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
    batch = Batch(jnp.concatenate(pairs, axis=1), None)
    differ = {}
    for cell in (bag_of_words(16), CELLS["gru"](16)):
        network = task.network(make_recurrent(cell))
        params = jax.jit(network.init)(jax.random.key(0))
        last = network.apply(params, batch, None, None)[0][-1]
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
