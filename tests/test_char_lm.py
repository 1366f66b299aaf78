"""The character model: splits, streams whose state goes on, baselines by counting."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarks.data import ngrams
from experiments.benchmarks.data.corpora import INSIDE, UNKNOWN, Text, read_text, split
from experiments.benchmarks.data.files import data_directory
from experiments.benchmarks.data.stream import read_whole, streams, windows
from experiments.benchmarks.text.char_lm import SPEC, CharLM, char_lm
from experiments.config.errors import UsageError
from experiments.config.settings import Train
from experiments.networks.base import Batch
from experiments.training.trainer import arrays_of, make_trainer
from tests.batches import drawn, loss_of
from tests.learning import network_of


IDS = np.random.default_rng(0).integers(0, 7, 103)
TRAIN = Train(
    steps=4, batch=3, eval_batch=2, log_every=1, eval_every=1, checkpoint_every=1,
    optimizer="sgd", learning_rate=1e-12,
)  # fmt: skip


@pytest.fixture
def book(tmp_path):
    file = tmp_path / "book.txt"
    file.write_text("abcd efg! " * 48, encoding="utf-8")
    return str(file)


def test_chunks_of_streams_are_the_text_in_order():
    data = streams(IDS, 5)
    read = [drawn(data, 3, step=step) for step in range(8)]
    # 102 predictions in three streams of 34, of which six chunks of five.
    for stream in range(3):
        inputs = np.concatenate([batch.inputs[:, stream] for batch in read[:6]])
        np.testing.assert_array_equal(inputs, IDS[34 * stream : 34 * stream + 30])
        targets = np.concatenate([batch.targets[:, stream] for batch in read[:6]])
        np.testing.assert_array_equal(targets, IDS[34 * stream + 1 : 34 * stream + 31])
    assert [bool(batch.first) for batch in read] == [1, 0, 0, 0, 0, 0, 1, 0]
    np.testing.assert_array_equal(read[6].inputs, read[0].inputs)
    assert all(drawn(streams(IDS, 5, carry=False), 3, step=step).first for step in range(3))


def test_the_key_changes_windows_and_the_step_changes_streams():
    for data, key, step in ((windows(IDS, 5), 1, 0), (streams(IDS, 5), 0, 1)):
        one = drawn(data, 4)
        assert (drawn(data, 4, key=key, step=step).inputs != one.inputs).any()
        np.testing.assert_array_equal(drawn(data, 4, 1 - key, 1 - step).inputs, one.inputs)


def test_streams_of_too_few_symbols_are_refused_when_shapes_are_asked_for():
    data = streams(IDS, 5)
    message = "103 symbols are too few for 21 streams of chunks of 5: at most 20 streams"
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(lambda key: data.draw(data.arrays, key, 0, 21), jax.random.key(0))


def test_windows_are_pieces_of_the_text_from_anywhere():
    batch = drawn(windows(IDS, 5), 2000)
    text = IDS.tobytes()
    for column in np.concatenate([batch.inputs, batch.targets[-1:]]).T[:50]:
        assert column.astype(IDS.dtype).tobytes() in text
    starts = {tuple(column) for column in np.asarray(batch.inputs).T}
    assert len(starts) == 103 - 5


@pytest.mark.parametrize("rows", [1, 4, 5, 32, 1000])
@pytest.mark.parametrize("size", [2, 3, 50, 103])
def test_every_symbol_but_the_first_is_predicted_once(rows, size):
    """In order, from the symbol before it, however rows are divided into batches."""
    data = read_whole(IDS[:size], rows)
    assert 1 <= data.size <= rows
    inputs, targets, lengths = [], [], []
    for step in range(math.ceil(data.size / 3)):
        batch = drawn(data, 3, step=step)
        valid = np.arange(len(batch.inputs))[:, None] < np.asarray(batch.lengths)
        np.testing.assert_array_equal(batch.weights, valid)
        inputs.extend(np.asarray(batch.inputs).T[valid.T])
        targets.extend(np.asarray(batch.targets).T[valid.T])
        lengths.extend(np.asarray(batch.lengths))
    np.testing.assert_array_equal(inputs, IDS[: size - 1])
    np.testing.assert_array_equal(targets, IDS[1:size])
    assert not any(lengths[data.size :])
    assert max(lengths) - min(lengths[: data.size]) in (0, 1)


def test_a_uniform_model_loses_log_v_over_the_whole_validation(book, tmp_path):
    task = char_lm(CharLM(text=book, chunk=10, validation=0.1, rows=5), tmp_path)
    for data, size in ((task.validation, 48), (task.test, 24)):
        total = count = 0.0
        for step in range(math.ceil(data.size / 2)):
            batch = drawn(data, 2, step=step)
            logits = jnp.zeros((*batch.targets.shape, len(task.vocabulary)))
            terms = task.loss(logits, batch)
            total, count = total + terms[0], count + terms[1]
        assert count == size - 1
        assert total / count == pytest.approx(math.log(9), rel=1e-6)


def test_what_stands_in_the_padding_changes_no_measure(book, tmp_path):
    task = char_lm(CharLM(text=book, chunk=10, rows=5), tmp_path)
    batch = drawn(task.validation, 7)
    logits = jax.random.normal(jax.random.key(0), (*batch.targets.shape, 9))
    padded = batch.weights == 0
    other = jnp.where(padded[..., None], logits[::-1, ::-1], logits)
    for measure in (task.loss, *(metric.terms for metric in task.metrics.values())):
        np.testing.assert_array_equal(measure(logits, batch), measure(other, batch))
    assert padded.any()


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("layers", [1, 2])
def test_chunks_with_their_state_are_the_whole(cell, layers, book, tmp_path):
    """Hardly trained at all, the losses of chunks are those of one long sequence."""
    task = char_lm(CharLM(text=book, chunk=10), tmp_path)
    network = network_of(task, cell, 6, layers=layers)
    trainer = make_trainer(network, task, TRAIN)
    seed, arrays, losses = jnp.int32(0), arrays_of(task), []
    state = trainer.init(seed)
    outputs_of = lambda batch: network.apply(state.params, batch, None, None)[0]
    train_steps = jax.jit(trainer.train_steps)
    for step in range(1, 5):
        state, log = train_steps(arrays, state, seed, jnp.int32(step))
        losses.append(log.loss[0])
    chunks = [drawn(task.train, 3, step=step)._replace(first=None) for step in range(4)]
    whole = Batch(*(jnp.concatenate(x) for x in zip(*(c[:2] for c in chunks), strict=True)))
    logits = outputs_of(whole)
    parts = [logits[10 * i :][:10] for i in range(4)]
    together = [loss_of(task, *given) for given in zip(parts, chunks, strict=True)]
    np.testing.assert_allclose(losses, together, rtol=1e-5)
    alone = [loss_of(task, outputs_of(chunk), chunk) for chunk in chunks]
    assert abs(np.array(losses)[1:] - np.array(alone)[1:]).min() > 1e-5


def test_in_a_new_epoch_the_state_is_the_first(book, tmp_path):
    task = char_lm(CharLM(text=book, chunk=10), tmp_path)
    train = dataclasses.replace(TRAIN, steps=15, eval_every=15, checkpoint_every=15)
    trainer = make_trainer(network_of(task, "gru", 6), task, train)
    seed = jnp.int32(0)
    train_steps = jax.jit(trainer.train_steps)
    _, log = train_steps(arrays_of(task), trainer.init(seed), seed, jnp.int32(15))
    # 431 predictions in three streams of 143: fourteen chunks, then the first again.
    np.testing.assert_allclose(log.loss[14], log.loss[0], rtol=1e-6)
    assert abs(log.loss[1:14] - log.loss[0]).min() > 1e-6


def test_streams_have_a_first_chunk_and_windows_have_none(book, tmp_path):
    config = CharLM(text=book, chunk=10, carry=False)
    assert drawn(char_lm(config, tmp_path).train, 3, step=2).first
    task = char_lm(dataclasses.replace(config, layout="windows"), tmp_path)
    assert drawn(task.train, 3).first is None


def test_gradient_flow_reads_the_validation_part(tmp_path):
    text = tmp_path / "t.txt"
    text.write_text("ab" * 45 + "cb" * 3 + "db" * 2)
    # Neither c nor d is in the training part.
    task = char_lm(CharLM(text=str(text), chunk=4, validation=0.06, test=0.04), tmp_path)
    batch = drawn(task.flow, 50)
    assert batch.inputs.shape == (4, 50) and (batch.inputs != 0).all()


def test_each_part_of_the_text_ends_with_validation_and_test():
    text = Text("".join("abcdefg"[i] for i in IDS), "t", "-")
    found = split(text, validation=0.2, test=0.12, parts=4)
    assert found.symbols == tuple("abcdefg")
    # Four parts of 25; what is left over belongs to none.
    parts = IDS[:100].reshape(4, 25)
    np.testing.assert_array_equal(found.train, parts[:, :17].ravel())
    np.testing.assert_array_equal(found.validation, parts[:, 17:22].ravel())
    np.testing.assert_array_equal(found.test, parts[:, 22:].ravel())


@pytest.mark.parametrize("parts", [1, 7])
@pytest.mark.parametrize(("validation", "test"), [(0.05, 0.05), (0.1, 0.0), (0.3, 0.2)])
def test_parts_are_disjoint_and_cover_the_text(validation, test, parts):
    characters = "".join(chr(0x4E00 + i) for i in range(700))
    found = split(Text(characters, "t", "-"), validation, test, parts)
    train, *others = found[:3]
    lengths = [len(part) for part in found[:3]]
    assert sum(lengths) == 700 and len(np.unique(train)) == len(train)
    expected = [1 - validation - test, validation, test]
    np.testing.assert_allclose(np.array(lengths) / 700, expected, atol=parts / 700)
    # Every character is another, so all outside the training part are unknown.
    assert all((part == len(found.symbols) - 1).all() for part in others)
    assert found.symbols[-1] == UNKNOWN


def test_the_training_part_is_that_of_one_held_out_part():
    text = Text("".join("abcdefg"[i] for i in IDS), "t", "-")
    for parts in (1, 3):
        three, two = split(text, 0.05, 0.05, parts), split(text, 0.1, 0.0, parts)
        np.testing.assert_array_equal(three.train, two.train)


def test_without_a_test_part_validation_is_reported(book, tmp_path):
    task = char_lm(CharLM(text=book, chunk=10, validation=0.1, test=0.0), tmp_path)
    assert task.test is None and len(task.validation.arrays) == 48
    both = char_lm(CharLM(text=book, chunk=10, validation=0.05, test=0.05), tmp_path)
    assert len(both.validation.arrays) == len(both.test.arrays) == 24
    for held_out, found in ((task.validation, task), (both.test, both)):
        parts = task.train.arrays, held_out.arrays
        expected = ngrams.baselines(*(part.astype(int) for part in parts), 9)
        assert {**found.references, "bigram": found.baseline} == expected


def test_ngrams_are_what_counting_by_hand_gives():
    train, valid = IDS[:80], IDS[80:]
    found = ngrams.baselines(train, valid, 7)
    text = [int(i) for i in train]
    for n, (name, k) in enumerate(ngrams.SMOOTHING.items(), start=1):
        losses = []
        for end in range(n, len(valid) + 1):
            *past, symbol = (int(i) for i in valid[end - n : end])
            runs = [text[i : i + n] for i in range(len(text) - n + 1)]
            same = [run for run in runs if run[:-1] == past]
            joint = sum(run[-1] == symbol for run in same)
            losses.append(-math.log((joint + k) / (len(same) + k * 7)))
        assert found[name] == pytest.approx(np.mean(losses)), name
    assert found["uniform"] == pytest.approx(math.log(7))


def test_baselines_of_tiny_shakespeare_are_those_published():
    preset = SPEC.presets["tiny_shakespeare"]
    options = {
        name.removeprefix("char_lm."): value
        for name, value in preset.items()
        if name.startswith("char_lm.")
    }
    try:
        task = char_lm(CharLM(**options), data_directory(None))
    except UsageError as refused:
        pytest.skip(str(refused))
    found = {**task.references, "bigram": task.baseline}
    expected = {"uniform": 4.1744, "unigram": 3.3473, "bigram": 2.4838, "trigram": 2.0583}
    assert {name: round(value, 4) for name, value in found.items()} == expected
    assert len(task.vocabulary) == 65 and task.validation.size == 10
    assert "1,003,854 characters to train on, 111,540 to validate" in task.notes[0]


def test_vietnamese_is_read_by_characters():
    try:
        text = read_text("truyen_kieu", "utf-8", data_directory(None))
    except UsageError as refused:
        pytest.skip(str(refused))
    assert len(text.characters) < 140_399
    assert {"ă", "ơ", "ữ"} <= set(split(text, 0.05, 0.05).symbols)


def test_a_symbol_that_training_never_showed_is_counted_and_mapped():
    text = Text("ab" * 45 + "abxbyabxab", "t", "0")
    found = split(text, 0.05, 0.05)
    assert found.symbols == ("a", "b", UNKNOWN) and set(found.train) == {0, 1}
    assert (found.validation == 2).sum() == 2 and (found.test == 2).sum() == 1
    assert "3 characters of the validation and test part" in found.notes[1]
    assert "'x', 'y'" in found.notes[1]
    counted = ngrams.baselines(found.train, found.validation, 3)
    assert all(map(math.isfinite, counted.values()))


def test_the_text_inside_python_needs_no_file(tmp_path):
    text = read_text(INSIDE, "utf-8", tmp_path)
    assert len(text.characters) > 100_000 and "lambda" in text.characters


REFUSED = {
    "empty": ("", {}, "is empty"),
    "one symbol": ("a" * 500, {}, "has one symbol, 'a'"),
    "short": ("ab" * 10, {}, "has 20 characters, too few for chunks of 50"),
    "short validation": ("ab" * 500, {}, "the parts have 900, 50, 50; choose a longer text"),
    "short test": ("ab" * 500, {"test": 0.001, "validation": 0.1}, "too few for chunks"),
}


@pytest.mark.parametrize(
    "change", [{"validation": 0.0}, {"validation": 0.5, "test": 0.5}, {"validation": 1.0}]
)
def test_illegal_shares_are_refused(change):
    with pytest.raises(ValueError, match="^validation must be above 0 and below 1 - test"):
        CharLM(**change)
    with pytest.raises(ValueError, match="^test must be at least 0, got -0.1"):
        CharLM(test=-0.1)


@pytest.mark.parametrize("name", REFUSED)
def test_texts_with_nothing_to_learn_are_refused(name, tmp_path):
    content, change, message = REFUSED[name]
    file = tmp_path / "t.txt"
    file.write_text(content)
    with pytest.raises(ValueError, match=message):
        char_lm(CharLM(text=str(file), **change), tmp_path)


def test_files_that_are_no_text_are_refused(tmp_path):
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"caf\xe9 " * 100)
    with pytest.raises(UsageError, match=r"is not utf-8 at byte 3: name its encoding"):
        char_lm(CharLM(text=str(bad)), tmp_path)
    config = CharLM(text=str(bad), encoding="latin-1", chunk=5)
    assert "é" in char_lm(config, tmp_path).vocabulary
    with pytest.raises(UsageError, match="is not an encoding"):
        char_lm(CharLM(text=str(bad), encoding="latin-99"), tmp_path)
    with pytest.raises(UsageError, match="is a directory"):
        char_lm(CharLM(text=str(tmp_path)), tmp_path)
    with pytest.raises(UsageError, match="did you mean 'tiny_shakespeare'"):
        char_lm(CharLM(text="tiny_shakespear"), tmp_path)
