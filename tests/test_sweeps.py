"""Sweeps: every point a run of its own, resumed, refused and reported as a whole."""

import csv
import json

import pytest

from experiments.__main__ import main
from experiments.config.errors import UsageError
from experiments.launch import sweeps
from experiments.reporting.sweep_lines import Line, horizon
from tests.test_runs import TINY


SWEEP = "--copy_memory.lag=2,4"


def test_every_combination_is_a_point():
    found = sweeps.points({"a": (1, 2), "b": "x", "c": ("p", "q")})
    assert found["a=2,c=p"] == {"a": 2, "b": "x", "c": "p"}
    assert list(found) == ["a=1,c=p", "a=1,c=q", "a=2,c=p", "a=2,c=q"]
    assert sweeps.points({"b": "x"}) == {"": {"b": "x"}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("sweep") / "lags"
    flags = [flag for flag in TINY if "lag" not in flag]
    assert main([*flags, SWEEP, f"--workdir={path}"]) == 0
    return path


def test_a_sweep_is_a_run_for_each_value_and_a_report(whole):
    points = ["copy_memory.lag=2", "copy_memory.lag=4"]
    for point, lag in zip(points, (2, 4), strict=True):
        settings = json.loads((whole / point / "config.json").read_text())["settings"]
        assert settings["copy_memory.lag"] == lag
        assert (whole / point / "report.html").exists()
    rows = list(csv.DictReader((whole / "horizon.csv").read_text().splitlines()))
    assert [(r["line"], r["copy_memory.lag"], r["seed"]) for r in rows] == [
        ("rnn", lag, seed) for lag in "24" for seed in "01"
    ]
    summary = json.loads((whole / points[1] / "summary.json").read_text())
    final = summary["results"][1]["final_loss"]
    assert float(rows[3]["excess"]) == pytest.approx(final / summary["baseline"], rel=1e-5)
    page = (whole / "report.html").read_text()
    assert "solved up to" in page and "http" not in page.replace("http-equiv", "")


def test_a_sweep_is_resumed_without_its_flags_and_ends_the_same(whole):
    before = (whole / "horizon.csv").read_bytes()
    assert main([f"--workdir={whole}", "--resume"]) == 0
    assert (whole / "horizon.csv").read_bytes() == before


def test_a_sweep_with_other_values_is_refused(whole, capsys):
    assert main([f"--workdir={whole}", "--resume", "--copy_memory.lag=2,5"]) == 2
    assert "other settings of copy_memory.lag" in capsys.readouterr().err
    assert main([f"--workdir={whole}", SWEEP]) == 2
    assert "--resume goes on" in capsys.readouterr().err


def test_nothing_begins_before_every_point_is_legal(tmp_path, capsys):
    path = tmp_path / "run"
    assert main([*TINY, "--copy_memory.lag=3,0", f"--workdir={path}"]) == 2
    assert "--copy_memory.lag must be at least 1, got 0" in capsys.readouterr().err
    assert not path.exists()


def test_a_value_twice_is_refused():
    with pytest.raises(UsageError, match="--seeds names a value twice"):
        sweeps.points({"seeds": (2, 2)})


def line(*shares):
    """A line over 10, 20, ... whose one seed has these shares of the baseline."""
    values = [10 * (i + 1) for i in range(len(shares))]
    seeds = [[{"final_loss": 1 + share}] for share in shares]
    return Line("gru", values, seeds, [{"baseline": 2.0, "optimum": 1.0}] * len(shares))


def test_the_horizon_is_the_last_value_before_the_first_failure():
    assert horizon(line(0.0, 0.09, 0.11, 0.0)) == 20
    assert horizon(line(0.2, 0.0)) is None
    assert horizon(line(0.0, 0.05)) == 20
    broken = line(0.0, 0.0)
    broken.results[1][0]["final_loss"] = None
    assert horizon(broken) == 10


def test_the_horizon_is_that_of_the_reported_loss():
    """On a test set it is the loss there; a loss on validation data does not count."""
    tested = line(0.0, 0.0)
    for index, summary in enumerate(tested.summaries):
        tested.results[index][0]["test_loss"] = 1.0 + 0.2 * index
        tested.summaries[index] = {**summary, "reported_on": "test"}
    assert horizon(tested) == 10
