"""A cell in the user's own file: it has all that a built-in one has, and no less."""

import csv
import json
import sys

import pytest

from experiments.__main__ import main
from tests.test_runs import TINY


CELL = '''
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

import recur


class Params(NamedTuple):
    w_h: jax.Array
    w_x: jax.Array


def leaky(hidden: int, *, rate: float = 0.5, kind: Literal["tanh", "sin"] = "tanh"):
    """h_t = (1 - rate) * h_{t-1} + rate * g(W_h h_{t-1} + W_x x_t).

    Args:
      hidden: H [units].
      rate: how much of the state is replaced at a step.
      kind: g.
    """
    if not 0 < rate <= 1:
        raise ValueError(f"leaky: rate must be in (0, 1], got {rate}")

    def init(key, input_size):
        w = jax.random.normal(key, (hidden + input_size, hidden)) / hidden
        return Params(w[:hidden], w[hidden:])

    def initial_state(params, batch_shape):
        return jnp.zeros((*batch_shape, hidden), params.w_h.dtype)

    def project(params, xs):
        return xs @ params.w_x

    def step(params, h, u):
        h = (1 - rate) * h + rate * getattr(jnp, kind)(h @ params.w_h + u)
        return h, h

    return recur.Cell(init, initial_state, project, step)


def plain(hidden, gain=2.0, **more):
    assert not more
    return leaky(hidden, rate=gain / 4)


def not_a_factory(size):
    return leaky(size)


def gives_none(hidden):
    return None


def buggy(hidden):
    cell = leaky(hidden)
    return cell._replace(step=lambda params, h, u: cell.step(params, h.T, u))


def lstm(hidden):
    return leaky(hidden)


train = leaky
NUMBER = 3
'''

SMALL = [flag for flag in TINY if not flag.startswith("--cells")]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A directory with the user's file, on the path as `python -m` puts it there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_cells.py").write_text(CELL)
    (tmp_path / "raises.py").write_text("import math\n\nmath.sqrt('x')\n")
    (tmp_path / "unparsable.py").write_text("def f(:\n")
    (tmp_path / "needs.py").write_text("import not_here_at_all\n")
    yield tmp_path
    for name in ("my_cells", "raises", "unparsable", "needs"):
        sys.modules.pop(name, None)


def test_it_gets_every_file_figure_and_flag(home, capsys):
    flags = ["--cells=rnn,my_cells:leaky", "--leaky.rate=0.25", "--leaky.hidden=3", *SMALL]
    assert main([*flags, "--workdir=run"]) == 0, capsys.readouterr().err
    run = home / "run"
    summary = json.loads((run / "summary.json").read_text())
    assert {row["cell"] for row in summary["results"]} == {"rnn", "leaky"}
    with (run / "figures/gradient_flow.csv").open() as file:
        assert {row["cell"] for row in csv.DictReader(file)} == {"rnn", "leaky"}
    assert "leaky: H 3, rate 0.25" in (run / "figures/gradient_flow.svg").read_text()
    text = (run / "flags.txt").read_text()
    assert "--cells=rnn,my_cells:leaky\n" in text and "--leaky.rate=0.25\n" in text
    assert main(["--workdir=run", "--resume"]) == 0
    assert main(["--flagfile=run/flags.txt", "--workdir=again"]) == 0
    assert (home / "again/flags.txt").read_text() == text
    assert (home / "again/metrics.jsonl").read_text() == (run / "metrics.jsonl").read_text()


def test_help_lists_its_options(home, capsys):
    del home
    assert main(["--help", "--cells=my_cells:leaky,my_cells:plain"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "--leaky.rate how much of the state is replaced at a step. (default: 0.5)" in text
    assert "--leaky.kind g. {tanh, sin} (default: tanh)" in text
    assert "--plain.gain (default: 2.0)" in text
    assert "--plain.more" not in text


REFUSALS = {
    "--cells=nowhere:leaky": "no module 'nowhere': is nowhere.py in the current directory",
    "--cells=my_cells:leeky": "my_cells has no 'leeky': did you mean 'leaky'?",
    "--cells=my_cells:NUMBER": "my_cells:NUMBER must be a function (hidden, *, options)",
    "--cells=my_cells:not_a_factory": "must be a function (hidden, *, options)",
    "--cells=my_cells:gives_none": "gives_none must return a recur.Cell, got NoneType",
    "--cells=my_cells:lstm": "the name 'lstm' of my_cells:lstm is taken",
    "--cells=my_cells:train": "the name 'train' of my_cells:train is taken",
    "--cells=my_cells:leaky,my_cells:leaky": "names a cell twice",
    "--cells=:leaky": "':leaky' must be a registered name, or module:name",
    "--cells=a:b:c": "'a:b:c' must be a registered name, or module:name",
    "--cells=raises:cell": "importing it failed: TypeError: must be real number",
    "--cells=unparsable:cell": "unparsable.py:1)",
    "--cells=needs:cell": "importing it failed: ModuleNotFoundError: No module named 'not_here",
    "--cells=my_cells:buggy": "buggy does not run: TypeError",
}


@pytest.mark.parametrize(("flag", "message"), REFUSALS.items())
def test_what_cannot_be_used_is_refused_in_one_line(flag, message, home, capsys):
    assert main([flag, "--workdir=run"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (home / "run").exists()


def test_where_it_went_wrong_is_told(home, capsys):
    number = 1 + CELL.splitlines().index("        return xs @ params.w_x") + 3
    places = {"raises:cell": "raises.py:3)", "my_cells:buggy": f"my_cells.py:{number})"}
    for cell, place in places.items():
        assert main([f"--cells={cell}"]) == 2
        assert f"({home}/{place}" in capsys.readouterr().err


def test_its_options_are_checked_by_itself(home, capsys):
    del home
    for flag, message in {
        "--leaky.rate=7": "--leaky.rate must be in (0, 1], got 7.0",
        "--leaky.kind=cos": "tanh|sin",
        "--leaky.rte=1": "did you mean --leaky.rate?",
    }.items():
        assert main(["--cells=my_cells:leaky", flag]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line


def test_a_run_resumed_where_the_file_is_not_says_so(home, capsys, monkeypatch):
    assert main(["--cells=my_cells:leaky", *SMALL, "--workdir=run"]) == 0
    capsys.readouterr()
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p not in ("", str(home))])
    del sys.modules["my_cells"]
    assert main(["--workdir=run", "--resume"]) == 2
    assert "no module 'my_cells'" in capsys.readouterr().err
