"""Agreement: the grammar by hand, and its theory by enumeration and by counting."""

import collections
import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarks.base import mean_loss
from experiments.benchmarks.data.grammar import (
    ADVERBS,
    CUE,
    DISTRACTORS,
    KINDS,
    NEUTRAL,
    PREPOSITIONS,
    make_grammar,
)
from experiments.benchmarks.text.agreement import (
    Agreement,
    agreement,
    sentences,
    theory_of,
)
from experiments.config.settings import Train
from experiments.networks.sequence import network
from experiments.training.trainer import make_trainer
from recur.cells import CELLS


SMALL = Agreement(distance=6)
CUES = {word for kind in KINDS.values() for word in kind.agrees}


def spelled(config, key, count):
    grammar = make_grammar(config.distance, config.distractors == "cues")
    words = np.asarray(sentences(grammar, jax.random.key(key), count))
    return [[grammar.words[index] for index in sentence] for sentence in words.T]


def by_hand(distance, nouns):
    """Every sentence, with its probability."""
    phrases, adverbs = divmod(distance - 2, 3)
    phrase = {
        (preposition, determiner, noun): 1 / len(PREPOSITIONS) / len(nouns) / len(some)
        for preposition in PREPOSITIONS
        for determiner, some in nouns.items()
        for noun in some
    }
    parts = [{(word,): 1 / len(ADVERBS) for word in ADVERBS}] * adverbs
    fillers = {(): 1.0}
    for part in parts + [phrase] * phrases:
        fillers = {a + b: p * q for a, p in fillers.items() for b, q in part.items()}
    return {
        (*kind.opening, cue, *filler, *kind.asking, due): p / 3 / len(kind.agrees)
        for kind in KINDS.values()
        for cue, due in kind.agrees.items()
        for filler, p in fillers.items()
    }


def entropy(p):
    p = np.array([q for q in np.ravel(p) if q > 0])
    return float(-(p * np.log(p)).sum())


def information(one, other):
    """Mutual information of two lists of words, by counting, nats."""
    both = zip(one, other, strict=True)
    counted = [collections.Counter(x).values() for x in (one, other, both)]
    alone, aside, joint = (entropy(np.array([*c]) / len(one)) for c in counted)
    return alone + aside - joint


def test_no_two_kinds_share_what_tells_them_apart():
    ends = [(kind.opening[0], kind.asking[-1]) for kind in KINDS.values()]
    assert all(len(set(words)) == len(KINDS) for words in zip(*ends, strict=True))
    assert sum(len(kind.agrees) for kind in KINDS.values()) == len(CUES)
    assert all(len(kind.opening) == CUE for kind in KINDS.values())


@pytest.mark.parametrize(
    ("distance", "nouns"), [(5, DISTRACTORS), (6, NEUTRAL), (4, DISTRACTORS)]
)
def test_sentences_are_those_of_the_grammar_by_hand(distance, nouns):
    config = Agreement(distance, "cues" if nouns is DISTRACTORS else "neutral")
    allowed = by_hand(distance, nouns)
    assert sum(allowed.values()) == pytest.approx(1)
    found = collections.Counter(map(tuple, spelled(config, 0, 20_000)))
    assert set(found) <= set(allowed)
    for place in range(distance + CUE + 2):
        expected, counted = collections.Counter(), collections.Counter()
        for sentence, p in allowed.items():
            expected[sentence[place]] += p
        for sentence, count in found.items():
            counted[sentence[place]] += count / 20_000
        for word, p in expected.items():
            assert counted[word] == pytest.approx(p, abs=5 * math.sqrt(p / 20_000))


def test_inputs_are_one_word_behind_the_targets():
    task = agreement(SMALL)
    batch = task.batch(jax.random.key(1), 50)
    assert batch.inputs.shape == (11, 50, task.input_size) and batch.weights is None
    assert task.steps == 11 and len(task.symbols) == task.input_size == task.output_size
    np.testing.assert_array_equal(batch.inputs.sum(-1), 1)
    np.testing.assert_array_equal(batch.inputs.argmax(-1)[1:], batch.targets[:-1])


def test_theory_is_that_of_all_sentences_enumerated():
    allowed = by_hand(5, DISTRACTORS)
    theory = theory_of(make_grammar(5, True))
    for t, found in enumerate(theory.entropies):
        shorter, longer = collections.Counter(), collections.Counter()
        for sentence, p in allowed.items():
            shorter[sentence[: t + 1]] += p
            longer[sentence[: t + 2]] += p
        expected = entropy([*longer.values()]) - entropy([*shorter.values()])
        assert found == pytest.approx(expected, abs=1e-6)
    steps = len(theory.entropies)
    pairs, singles = collections.Counter(), collections.Counter()
    for sentence, p in allowed.items():
        for pair in zip(sentence, sentence[1:], strict=False):
            pairs[pair] += p / steps
            singles[pair[0]] += p / steps
    expected = entropy([*pairs.values()]) - entropy([*singles.values()])
    assert theory.baseline == pytest.approx(expected, abs=1e-6)
    assert theory.agreement == pytest.approx((1 / 6 + 1 / 2 + 1 / 2) / 3)
    assert theory.surprise == pytest.approx((math.log(6) + 2 * math.log(2)) / 3)


@pytest.mark.parametrize("distractors", ["cues", "neutral"])
def test_the_baseline_is_what_a_predictor_without_memory_gets(distractors):
    """Counted on one sample, examined on another."""
    task = agreement(Agreement(7, distractors))
    seen, new = (task.batch(jax.random.key(k), 10_000) for k in (2, 3))
    counts = np.zeros((task.input_size, task.input_size))
    np.add.at(counts, (np.asarray(seen.inputs.argmax(-1)), np.asarray(seen.targets)), 1)
    shares = (counts + 1e-3) / (counts + 1e-3).sum(1, keepdims=True)
    logits = new.inputs @ jnp.log(shares)
    np.testing.assert_allclose(mean_loss(task, logits, new), task.baseline, atol=0.01)
    found = task.metrics(logits, new)
    for metric, chance in task.chance.items():
        np.testing.assert_allclose(found[metric], chance, atol=0.03)


def test_a_predictor_that_knows_the_grammar_has_the_optimum():
    """It is given the probabilities of the grammar, and the cue at the end."""
    task = agreement(SMALL)
    grammar = make_grammar(6, True)
    batch = task.batch(jax.random.key(4), 5_000)
    shown = np.asarray(batch.inputs.argmax(-1))
    kinds = (shown[0][:, None] == grammar.first).argmax(1)
    rows = [grammar.follows[s, kinds, shown[s]] for s in range(task.steps - 1)]
    rows.append(np.eye(len(grammar.words))[grammar.agrees[shown[CUE]]])
    logits = jnp.log(jnp.array(rows) + 1e-9)
    np.testing.assert_allclose(mean_loss(task, logits, batch), task.optimum, atol=0.01)
    metrics = task.metrics(logits, batch)
    assert metrics["agreement_accuracy"] == 1 and abs(metrics["excess_bits"]) < 1e-4
    curve = task.profile.of(logits, batch)
    assert curve.shape == (12,) and jnp.isnan(curve[0])
    np.testing.assert_allclose(curve[1:], 0, atol=0.05)


def test_nothing_but_the_cue_says_which_word_agrees():
    for kind in KINDS.values():
        drawn = [s for s in spelled(Agreement(8), 5, 30_000) if s[0] == kind.opening[0]]
        due = [sentence[-1] for sentence in drawn]
        for place in range(len(drawn[0]) - 1):
            said = information([sentence[place] for sentence in drawn], due)
            if place == CUE:
                assert said == pytest.approx(math.log(len({*due})), abs=0.01)
            else:
                assert said < 0.012


@pytest.mark.parametrize("distractors", ["cues", "neutral"])
def test_distractors_could_be_cues(distractors):
    between = {w for s in spelled(Agreement(8, distractors), 6, 500) for w in s[5:-3]}
    assert bool(between & CUES) == (distractors == "cues")


def test_a_batch_comes_from_its_key_alone():
    draw = jax.jit(agreement(SMALL).batch, static_argnums=1)
    one, again, other = (draw(jax.random.key(k), 9) for k in (0, 0, 1))
    np.testing.assert_array_equal(one.inputs, again.inputs)
    assert (one.targets != other.targets).any()


@pytest.mark.parametrize("change", [{"distance": 7}, {"distractors": "neutral"}])
def test_each_field_changes_the_batch(change):
    tasks = agreement(SMALL), agreement(dataclasses.replace(SMALL, **change))
    one, other = (task.batch(jax.random.key(0), 64).inputs for task in tasks)
    assert one.shape != other.shape


def test_every_field_is_in_the_test_above():
    changed = {"distance", "distractors"}
    assert {field.name for field in dataclasses.fields(Agreement)} == changed


def test_illegal_tasks_are_refused():
    with pytest.raises(ValueError, match="^distance must be at least 2, got 1"):
        Agreement(distance=1)


def test_an_lstm_learns_to_agree():
    task = agreement(Agreement(distance=5))
    train = Train(steps=400, batch=64, learning_rate=0.01, eval_every=400,
                  checkpoint_every=400)  # fmt: skip
    trainer = make_trainer(network(CELLS["lstm"](32), task), task, train)
    seed = jnp.int32(0)
    advance = jax.jit(trainer.advance)
    _, stretch = advance(trainer.init(seed), seed, jnp.int32(400))
    assert stretch.evaluation["agreement_accuracy"] > 0.98
    assert stretch.evaluation["excess_bits"] < 0.1
