"""Several runs in one report, and the intervals in it."""

import csv

import numpy as np
import pytest

from experiments.compare import main, read, table
from experiments.reporting.intervals import estimate, words
from tests.test_runs import run


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    path = tmp_path_factory.mktemp("compare")
    assert run(path / "one") == 0
    assert run(path / "two", "--cells=gru", "--copy_memory.lag=3") == 0
    return path


def test_the_interval_is_that_of_all_resamples():
    """Of two seeds there are three means, with probabilities 1/4, 1/2, 1/4."""
    found = estimate([1.0, 3.0])
    assert (found.mean, found.low, found.high, found.seeds) == (2.0, 1.0, 3.0, 2)


def test_it_covers_a_normal_mean_about_as_often_as_it_says():
    draws = np.random.default_rng(1).normal(0.0, 1.0, (300, 30))
    inside = [(e := estimate(list(row))).low < 0 < e.high for row in draws]
    assert 0.89 < np.mean(inside) < 0.98


def test_one_seed_has_no_interval_and_none_no_mean():
    assert words(estimate([0.25, None])) == "0.25"
    assert words(estimate([None, float("nan")])) == "-"
    assert words(estimate([1.0, 1.0])) == "1 [1, 1]"


def test_the_table_has_a_line_for_each_cell_of_each_run(two):
    head, *lines = table([read(two / "one"), read(two / "two")])
    assert [line[:3] for line in lines] == [["one", "rnn", "2"], ["two", "gru", "2"]]
    assert {"parameters", "ms a step", "final loss", "recall accuracy"} <= set(head)
    summary = read(two / "one").summary["runs"]
    mean = np.mean([one["final_loss"] for one in summary])
    shown = float(lines[0][head.index("final loss")].split(" ")[0])
    assert shown == pytest.approx(mean, rel=1e-3)


def test_the_report_is_written_once(two, tmp_path, capsys):
    target = tmp_path / "both"
    argv = [str(two / "one"), str(two / "two"), f"--workdir={target}"]
    assert main(argv) == 0
    assert "| one | rnn | 2 |" in capsys.readouterr().out
    rows = list(csv.DictReader((target / "curves.csv").read_text().splitlines()))
    assert {row["run"] for row in rows} == {"one", "two"}
    assert len(list(csv.DictReader((target / "comparison.csv").read_text().splitlines()))) == 2
    page = (target / "report.html").read_text()
    assert "http" not in page.replace("http-equiv", "")
    assert main(argv) == 2
    assert "--overwrite replaces" in capsys.readouterr().err
    assert main([*argv, "--overwrite"]) == 0


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "name the runs to compare"),
        (["nowhere"], "nowhere holds no finished run"),
        (["--workdirs=x"], "did you mean --workdir?"),
    ],
)
def test_bad_input_is_refused_in_one_line(argv, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(argv) == 2
    (text,) = capsys.readouterr().err.splitlines()
    assert message in text
    assert not list(tmp_path.iterdir())
