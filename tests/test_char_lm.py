"""The character model: splits, streams whose state goes on, baselines by counting."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarks.base import mean_loss
from experiments.benchmarks.data import ngrams
from experiments.benchmarks.data.corpora import INSIDE, Text, read_text
from experiments.benchmarks.data.files import data_directory
from experiments.benchmarks.data.stream import in_rows, streams, windows
from experiments.benchmarks.text.char_lm import UNKNOWN, CharLM, char_lm, split
from experiments.config.errors import Refusal
from experiments.config.settings import Train
from experiments.networks.sequence import network
from experiments.training.trainer import make_trainer
from recur.cells import CELLS


IDS = np.random.default_rng(0).integers(0, 7, 103)
TRAIN = Train(
    steps=4, batch=3, eval_batch=2, log_every=1, eval_every=1, checkpoint_every=1,
    optimizer="sgd", learning_rate=1e-12,
)  # fmt: skip


@pytest.fixture
def book(tmp_path):
    file = tmp_path / "book.txt"
    file.write_text("abcd efg! " * 40, encoding="utf-8")
    return str(file)


def spelled(batch):
    return np.asarray(batch.inputs.argmax(-1)), np.asarray(batch.targets)


def test_chunks_of_streams_are_the_text_in_order():
    chunk = jax.jit(streams(IDS, 5, 7, 3))
    read = [spelled(chunk(step).batch) for step in range(6)]
    # 102 predictions in three streams of 34, of which six chunks of five.
    for stream in range(3):
        whole = np.concatenate([inputs[:, stream] for inputs, _ in read])
        np.testing.assert_array_equal(whole, IDS[34 * stream : 34 * stream + 30])
        due = np.concatenate([targets[:, stream] for _, targets in read])
        np.testing.assert_array_equal(due, IDS[34 * stream + 1 : 34 * stream + 31])
    assert [bool(chunk(step).first) for step in range(8)] == [1, 0, 0, 0, 0, 0, 1, 0]
    again = spelled(chunk(6).batch)
    np.testing.assert_array_equal(again[0], read[0][0])


def test_windows_are_pieces_of_the_text_from_anywhere():
    inputs, targets = spelled(windows(IDS, 5, 7)(jax.random.key(0), 2000))
    text = IDS.tobytes()
    for column in np.concatenate([inputs, targets[-1:]]).T[:50]:
        assert column.astype(IDS.dtype).tobytes() in text
    starts = {tuple(column) for column in inputs.T}
    assert len(starts) == 103 - 5


def test_a_validation_is_all_of_its_part():
    inputs, targets = spelled(in_rows(IDS, 7, 4))
    np.testing.assert_array_equal(inputs.T.ravel(), IDS[:100])
    np.testing.assert_array_equal(targets.T.ravel(), IDS[1:101])


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("layers", [1, 2])
def test_chunks_with_their_state_are_the_whole(cell, layers, book, tmp_path):
    """Hardly trained at all, the losses of chunks are those of one long sequence."""
    task = char_lm(CharLM(text=book, chunk=10), tmp_path)
    net = network(CELLS[cell](6), task, layers=layers)
    trainer = make_trainer(net, task, TRAIN)
    seed = jnp.int32(0)
    state, losses = trainer.init(seed), []
    model = net.bind(state.params)
    for step in range(1, 5):
        state, stretch = trainer.advance(state, seed, jnp.int32(step))
        losses.append(stretch.loss[0])
    chunks = [task.streams(3)(jnp.int32(step)).batch for step in range(4)]
    whole = jax.tree.map(lambda *parts: jnp.concatenate(parts), *chunks)
    by_step = task.loss(model(whole.inputs), whole.targets).reshape(4, 10, 3)
    np.testing.assert_allclose(losses, by_step.mean((1, 2)), rtol=1e-5)
    alone = [mean_loss(task, model(chunk.inputs), chunk) for chunk in chunks]
    assert abs(np.array(losses)[1:] - np.array(alone)[1:]).min() > 1e-5


def test_without_carry_and_in_a_new_epoch_the_state_is_the_first(book, tmp_path):
    config = CharLM(text=book, chunk=10, carry=False)
    assert char_lm(config, tmp_path).streams(3)(jnp.int32(2)).first
    assert char_lm(dataclasses.replace(config, layout="windows"), tmp_path).streams is None
    task = char_lm(CharLM(text=book, chunk=10), tmp_path)
    net = network(CELLS["gru"](6), task)
    trainer = make_trainer(net, task, dataclasses.replace(TRAIN, eval_every=13, steps=13,
                                                          checkpoint_every=13))  # fmt: skip
    seed = jnp.int32(0)
    _, stretch = jax.jit(trainer.advance)(trainer.init(seed), seed, jnp.int32(13))
    # 359 predictions in three streams of 119: eleven chunks, then the first again.
    np.testing.assert_allclose(stretch.loss[11], stretch.loss[0], rtol=1e-6)
    assert abs(stretch.loss[1:11] - stretch.loss[0]).min() > 1e-6


def test_each_part_of_the_text_gives_its_end_to_validation():
    text = Text("".join("abcdefg"[i] for i in IDS), "t", "-")
    train, valid, symbols, _ = split(text, CharLM(chunk=5, validation=0.2, parts=4))
    assert symbols == tuple("abcdefg")
    # Four parts of 25; what is left over belongs to none.
    parts = IDS[:100].reshape(4, 25)
    np.testing.assert_array_equal(train, parts[:, :20].ravel())
    np.testing.assert_array_equal(valid, parts[:, 20:].ravel())


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
    try:
        task = char_lm(CharLM(text="tiny_shakespeare"), data_directory(None))
    except Refusal as refusal:
        pytest.skip(str(refusal))
    found = {**task.references, "bigram": task.baseline}
    expected = {"uniform": 4.1744, "unigram": 3.3473, "bigram": 2.4838, "trigram": 2.0583}
    assert {name: round(value, 4) for name, value in found.items()} == expected
    assert task.input_size == 65
    assert "1,003,854 characters to train on, 111,540 to validate" in task.notes[0]


def test_vietnamese_is_read_by_characters():
    try:
        text = read_text("truyen_kieu", "utf-8", data_directory(None))
    except Refusal as refusal:
        pytest.skip(str(refusal))
    _, _, symbols, _ = split(text, CharLM(text="truyen_kieu"))
    assert {"ă", "ơ", "ữ"} & set(symbols) and len(text.characters) < 140_399


def test_a_symbol_that_training_never_showed_is_counted_and_mapped():
    text = Text("ab" * 45 + "abxbyabxab", "t", "0")
    train, valid, symbols, notes = split(text, CharLM(text="t", chunk=5))
    assert symbols == ("a", "b", UNKNOWN)
    assert set(train) == {0, 1} and (valid == 2).sum() == 3
    assert "3 characters of the validation part" in notes[1]
    assert "'x', 'y'" in notes[1]
    assert all(map(math.isfinite, ngrams.baselines(train, valid, 3).values()))


def test_the_text_inside_python_needs_no_file(tmp_path):
    text = read_text(INSIDE, "utf-8", tmp_path)
    assert len(text.characters) > 100_000 and "lambda" in text.characters


REFUSED = {
    "empty": ("", {}, "is empty"),
    "one symbol": ("a" * 500, {}, "has one symbol, 'a'"),
    "short": ("ab" * 10, {}, "has 20 characters, too few for chunks of 50"),
}


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
    with pytest.raises(Refusal, match=r"is not utf-8 at byte 3: name its encoding"):
        char_lm(CharLM(text=str(bad)), tmp_path)
    assert "é" in char_lm(CharLM(text=str(bad), encoding="latin-1", chunk=5), tmp_path).symbols
    with pytest.raises(Refusal, match="is not an encoding"):
        char_lm(CharLM(text=str(bad), encoding="latin-99"), tmp_path)
    with pytest.raises(Refusal, match="is a directory"):
        char_lm(CharLM(text=str(tmp_path)), tmp_path)
    with pytest.raises(Refusal, match="did you mean 'tiny_shakespeare'"):
        char_lm(CharLM(text="tiny_shakespear"), tmp_path)
