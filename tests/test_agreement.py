"""Agreement: the grammar by hand, and its theory by enumeration and by counting."""

import collections
import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

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
from tests.batches import drawn, loss_of, mean, metric_of
from tests.learning import learned


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
        (*kind.opening, cue, *filler, *kind.asking, last): p / 3 / len(kind.agrees)
        for kind in KINDS.values()
        for cue, last in kind.agrees.items()
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
    batch = drawn(task.train, 50, key=1)
    assert batch.inputs.shape == (11, 50) and batch.weights is None
    assert task.steps == 11 and batch.inputs.max() < len(task.vocabulary)
    np.testing.assert_array_equal(batch.inputs[1:], batch.targets[:-1])


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
    seen, new = (drawn(task.train, 10_000, key) for key in (2, 3))
    counts = np.zeros((len(task.vocabulary), len(task.vocabulary)))
    np.add.at(counts, (np.asarray(seen.inputs), np.asarray(seen.targets)), 1)
    shares = (counts + 1e-3) / (counts + 1e-3).sum(1, keepdims=True)
    logits = jnp.log(shares)[new.inputs]
    np.testing.assert_allclose(loss_of(task, logits, new), task.baseline, atol=0.01)
    for name, chance in task.memoryless.items():
        np.testing.assert_allclose(metric_of(task, name, logits, new), chance, atol=0.03)


def test_a_predictor_that_knows_the_grammar_has_the_optimum():
    """It is given the probabilities of the grammar, and the cue at the end."""
    task = agreement(SMALL)
    grammar = make_grammar(6, True)
    batch = drawn(task.train, 5_000, key=4)
    shown = np.asarray(batch.inputs)
    kinds = (shown[0][:, None] == grammar.first).argmax(1)
    rows = [grammar.follows[s, kinds, shown[s]] for s in range(task.steps - 1)]
    rows.append(np.eye(len(grammar.words))[grammar.agrees[shown[CUE]]])
    logits = jnp.log(jnp.array(rows) + 1e-9)
    np.testing.assert_allclose(loss_of(task, logits, batch), task.optimum, atol=0.01)
    assert metric_of(task, "agreement_accuracy", logits, batch) == 1
    assert abs(metric_of(task, "excess_bits", logits, batch)) < 1e-4
    curve = mean(task.curves["length"].terms, logits, batch)
    assert curve.shape == (12,) and jnp.isnan(curve[0])
    np.testing.assert_allclose(curve[1:], 0, atol=0.05)


def test_only_the_cue_tells_which_word_agrees():
    for kind in KINDS.values():
        found = [s for s in spelled(Agreement(8), 5, 30_000) if s[0] == kind.opening[0]]
        last = [sentence[-1] for sentence in found]
        for place in range(len(found[0]) - 1):
            told = information([sentence[place] for sentence in found], last)
            if place == CUE:
                assert told == pytest.approx(math.log(len({*last})), abs=0.01)
            else:
                assert told < 0.012


@pytest.mark.parametrize("distractors", ["cues", "neutral"])
def test_distractors_could_be_cues(distractors):
    between = {w for s in spelled(Agreement(8, distractors), 6, 500) for w in s[5:-3]}
    assert bool(between & CUES) == (distractors == "cues")


def test_a_batch_comes_from_its_key_alone():
    one, again, other = (drawn(agreement(SMALL).train, 9, key) for key in (0, 0, 1))
    np.testing.assert_array_equal(one.inputs, again.inputs)
    assert (one.targets != other.targets).any()


@pytest.mark.parametrize("change", [{"distance": 7}, {"distractors": "neutral"}])
def test_each_field_changes_the_batch(change):
    tasks = agreement(SMALL), agreement(dataclasses.replace(SMALL, **change))
    one, other = (drawn(task.train, 64).inputs for task in tasks)
    assert one.shape != other.shape or (one != other).any()


def test_every_field_is_in_the_test_above():
    changed = {"distance", "distractors"}
    assert {field.name for field in dataclasses.fields(Agreement)} == changed


def test_illegal_tasks_are_refused():
    with pytest.raises(ValueError, match="^distance must be at least 2, got 1"):
        Agreement(distance=1)


def test_an_lstm_learns_to_agree():
    task = agreement(Agreement(distance=5))
    found = learned(task, "lstm", steps=400, batch=64, hidden=32)
    assert found["agreement_accuracy"] > 0.98 and found["excess_bits"] < 0.1
