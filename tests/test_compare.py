"""Several runs in one report, and the intervals in it."""

import csv
import json
import shutil

import numpy as np
import pytest

from experiments.compare import main
from experiments.reporting.comparison import read, table
from experiments.reporting.intervals import interval, text_of
from experiments.reporting.summary_file import results_of
from experiments.results.publish import published
from tests.test_runs import run


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    path = tmp_path_factory.mktemp("compare")
    assert run(path / "one") == 0
    assert run(path / "two", "--cells=gru", "--copy_memory.lag=3") == 0
    return path


def test_the_interval_is_that_of_all_resamples():
    """Of two seeds there are three means, with probabilities 1/4, 1/2, 1/4."""
    found = interval([1.0, 3.0])
    assert (found.mean, found.low, found.high, found.seeds) == (2.0, 1.0, 3.0, 2)


def test_it_covers_a_normal_mean_about_as_often_as_it_says():
    draws = np.random.default_rng(1).normal(0.0, 1.0, (300, 30))
    inside = [(e := interval(list(row))).low < 0 < e.high for row in draws]
    assert 0.89 < np.mean(inside) < 0.98


def test_one_seed_has_no_interval_and_none_no_mean():
    assert text_of(interval([0.25, None])) == "0.25"
    assert text_of(interval([None, float("nan")])) == "-"
    assert text_of(interval([1.0, 1.0])) == "1 [1, 1]"


def test_the_table_has_a_line_for_each_cell_of_each_run(two):
    head, *lines = table([read(two / "one"), read(two / "two")])
    assert [line[:3] for line in lines] == [["one", "rnn", "2"], ["two", "gru", "2"]]
    assert {"parameters", "ms a step", "final loss", "recall accuracy"} <= set(head)
    results = results_of(read(two / "one").summary)
    mean = np.mean([one["final_loss"] for one in results])
    shown = float(lines[0][head.index("final loss")].split(" ")[0])
    assert shown == pytest.approx(mean, rel=1e-3)


def test_a_summary_of_an_earlier_version_is_still_read(two, tmp_path):
    """Its results are called `runs`, and only `chance` names the metrics."""
    old = tmp_path / "one"
    shutil.copytree(two / "one", old)
    summary = json.loads((old / "summary.json").read_text())
    summary["runs"] = summary.pop("results")
    for key in ("metrics", "bounded", "reported_on"):
        del summary[key]
    (old / "summary.json").write_text(json.dumps(summary))
    assert table([read(old)]) == table([read(two / "one")])
    kept = published(summary)
    assert "runs" not in kept and kept["results"] == summary["runs"]


def test_numbers_on_a_test_set_have_columns_of_their_own(two):
    one, other = read(two / "one"), read(two / "two")
    for result in results_of(other.summary):
        result |= {"test_loss": 0.25, "test_recall_accuracy": 0.5}
    head, *lines = table([one, other])
    for column, value in (("test loss", "0.25"), ("test recall accuracy", "0.5")):
        index = head.index(column)
        assert [line[index].split(" ")[0] for line in lines] == ["-", value]
    assert "test loss" not in table([one])[0]


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
