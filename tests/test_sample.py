"""What a language model writes: reproducible, in the manner asked for, refused in a line."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.__main__ import main as bench
from experiments.networks.base import Decoding
from experiments.networks.generation import tempered
from experiments.sample import main
from tests.test_runs import run


@pytest.fixture(scope="module")
def spelling(tmp_path_factory):
    path = tmp_path_factory.mktemp("hello") / "run"
    assert bench(["--benchmark=hello", f"--workdir={path}"]) == 0
    return path


def written(capsys, *argv):
    assert main(argv) == 0
    return capsys.readouterr().out


def test_it_spells_hello_when_given_h(spelling, capsys):
    flags = f"--run={spelling}", "--prompt=h", "--length=4"
    assert written(capsys, *flags, "--top_k=1") == "hello\n"
    assert written(capsys, *flags, "--temperature=0.01") == "hello\n"


def test_the_same_seed_writes_the_same(spelling, capsys):
    flags = f"--run={spelling}", "--prompt=h", "--length=60", "--temperature=3"
    texts = [written(capsys, *flags, f"--seed={seed}") for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert len(texts[0]) == 62 and set(texts[0]) <= set("helo\n")


def test_the_run_keeps_samples_of_every_checkpoint_and_shows_them(spelling):
    rows = [json.loads(line) for line in (spelling / "samples.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 200]
    assert all(set(row["text"]) <= set("helo") for row in rows)
    page = (spelling / "report.html").read_text()
    assert "Samples" in page and rows[-1]["text"] in page


def test_a_resumed_run_keeps_its_samples(spelling):
    before = (spelling / "samples.jsonl").read_bytes()
    assert bench([f"--workdir={spelling}", "--resume"]) == 0
    assert (spelling / "samples.jsonl").read_bytes() == before


def test_temperature_divides_and_top_k_leaves_the_likeliest():
    logits = jnp.array([0.0, 3.0, 1.0, 2.0])
    np.testing.assert_allclose(tempered(logits, Decoding(0.5)), 2 * logits)
    kept = tempered(logits, Decoding(1.0, 2))
    np.testing.assert_array_equal(kept, [-np.inf, 3.0, -np.inf, 2.0])
    np.testing.assert_array_equal(tempered(logits, Decoding(1.0, 9)), logits)
    warm = tempered(logits, Decoding(2.0))
    draws = jax.random.categorical(jax.random.key(0), warm, shape=(50_000,))
    shares = np.bincount(draws, minlength=4) / 50_000
    np.testing.assert_allclose(shares, jax.nn.softmax(logits / 2), atol=0.01)


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--prompt=hexo", "--prompt has 'x', which is not in the vocabulary of the model"),
        ("--temperature=0", "--temperature must be above 0, got 0.0"),
        ("--temperature=-1", "--temperature must be above 0, got -1.0"),
        ("--temperature=nan", "--temperature must be above 0, got nan"),
        ("--top_k=-1", "--top_k must be at least 0, got -1"),
        ("--length=0", "--length must be at least 1, got 0"),
        ("--cell=gruu", "did you mean 'rnn'?"),
        ("--model_seed=7", "--model_seed=7: --run={run} has 1 seeds"),
    ],
)
def test_bad_input_is_refused_in_one_line(flag, message, spelling, capsys):
    assert main([f"--run={spelling}", flag]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert message.format(run=spelling) in line and captured.out == ""


def test_a_run_that_cannot_write_is_refused(tmp_path, capsys):
    assert main([]) == 2
    assert "name the run whose network writes" in capsys.readouterr().err
    assert main([f"--run={tmp_path}"]) == 2
    assert "holds no run" in capsys.readouterr().err
    assert run(tmp_path / "copy") == 0
    assert main([f"--run={tmp_path / 'copy'}"]) == 2
    assert "is no language model" in capsys.readouterr().err
