"""The laboratory on the command line: what it writes, what it finds, what it refuses."""

import csv
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.__main__ import main as bench
from experiments.benchmarks.terms import nats
from experiments.gradient_flow import published
from experiments.gradient_flow.__main__ import main
from experiments.gradient_flow.analyses import ANALYSES
from experiments.gradient_flow.panel import HEAD, Lines, Map, Subject, rows
from experiments.gradient_flow.probe import probes
from experiments.gradient_flow.settings import Lab
from experiments.launch.plan import make_plan
from experiments.training.lag_curves import by_leaf
from recur import flow
from tests.test_external_cells import CELL
from tests.test_runs import TINY


# All in one process: what they look at takes a minute to make.
pytestmark = pytest.mark.xdist_group("laboratory")

SMALL = "--model.hidden=3", "--copy_memory.lag=4", "--copy_memory.pattern_length=1"
FRESH = ("--seeds=2", *SMALL)


def lines_of(path, **wanted):
    """The rows of a CSV in which these columns have these values."""
    with path.open() as file:
        found = list(csv.DictReader(file))
    return [row for row in found if all(row[k] == str(v) for k, v in wanted.items())]


def numbers(path, **wanted):
    return [float(row["value"]) for row in lines_of(path, **wanted)]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """Every analysis of an RNN, an LSTM and a cell of the user's own."""
    path = tmp_path_factory.mktemp("fresh")
    (path / "lab_cells.py").write_text(CELL)
    sys.path.insert(0, str(path))
    try:
        cells = "--cells=rnn,lstm,lab_cells:leaky"
        flags = "--lab.batch=2", "--leaky.rate=0.25", "--lab.through=carry"
        assert main([*FRESH, cells, *flags, f"--workdir={path / 'lab'}"]) == 0
    finally:
        sys.path.remove(str(path))
    return path / "lab"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run directory."""
    path = tmp_path_factory.mktemp("trained") / "run"
    assert bench([*TINY, f"--workdir={path}"]) == 0
    return path


def test_each_analysis_leaves_a_page_a_figure_and_its_csv(fresh):
    names = {path.name for path in fresh.iterdir()}
    kinds = ("html", "csv", "svg", "png")
    assert names == {f"{name}.{kind}" for name in ANALYSES for kind in kinds}


def test_each_network_has_each_analysis(fresh):
    everyone = {"rnn init", "lstm init", "leaky init"}
    fewer = {"gates": {"lstm init", "leaky init"}, "symbols": {"lstm init"}}
    for name in ANALYSES:
        networks = {row["network"] for row in lines_of(fresh / f"{name}.csv")}
        assert networks == fewer.get(name, everyone), name


def test_a_page_states_what_was_measured_and_how(fresh):
    for path in fresh.glob("*.html"):
        text = path.read_text()
        for words in (
            "copy_memory (lag 4, pattern_length 1, symbols 8, layout arjovsky",
            "loss: the last step",
            "root mean square of the inputs 0.316",
            "2 seeds, 2 new sequences each",
            "float32",
            "lstm: H 3, forget bias 6.0, recurrent init orthogonal, input init lecun",
            "leaky: H 3, rate 0.25",
        ):
            assert words in text, path.name
        assert "<script" not in text and "http" not in text.replace("http-equiv", "")


def test_what_a_leaky_cell_carries_is_exactly_its_leak(fresh):
    lags = {
        seed: numbers(
            fresh / "paths.csv", network="leaky init", panel="s = h", curve="carry", seed=seed
        )
        for seed in range(2)
    }
    for values in lags.values():
        np.testing.assert_allclose(np.diff(values), np.log10(0.75), atol=2e-5)
    chosen = numbers(fresh / "paths.csv", network="leaky init", curve="carry", seed=0)
    assert chosen == lags[0]


def test_a_trained_network_has_the_lag_curves_of_its_run(trained, tmp_path):
    lab = tmp_path / "lab"
    flags = "--lab.analyses=lags", "--lab.batch=2", f"--workdir={lab}"
    assert main([f"--run={trained}", *flags]) == 0
    for phase in ("init", "trained"):
        for seed in range(2):
            found = numbers(lab / "lags.csv", network=f"rnn {phase}", curve="h", seed=seed)
            theirs = lines_of(
                trained / "figures/gradient_flow.csv", phase=phase, seed=seed
            )
            expected = [float(row["log10_norm_h"]) for row in theirs]
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5)
    assert sorted(path.name for path in lab.iterdir())[0] == "lags.csv"


@pytest.fixture(scope="module")
def stacked(tmp_path_factory):
    """Every analysis of a network of two layers."""
    lab = tmp_path_factory.mktemp("stacked") / "lab"
    flags = "--cells=lstm", "--model.layers=2", "--lab.batch=2", "--seeds=1"
    assert main([*SMALL, *flags, f"--workdir={lab}"]) == 0
    return lab


def test_every_analysis_has_both_layers_by_name(stacked):
    for name in ANALYSES:
        sites = {row["site"] for row in lines_of(stacked / f"{name}.csv")}
        assert sites == {"layer1", "layer2"}, name
        text = (stacked / f"{name}.svg").read_text()
        assert "lstm init layer1" in text and "lstm init layer2" in text, name


def test_each_layer_has_its_own_parts(stacked):
    panel = {"panel": "states"}
    found = {
        (site, kind): numbers(stacked / "parts.csv", site=site, curve=f"h {kind}", **panel)
        for site in ("layer1", "layer2")
        for kind in ("total", "direct", "recurrent")
    }
    # The loss of the last step alone reads the last layer, at that step.
    assert np.isneginf(found["layer2", "direct"][:-1]).all()
    # A lower layer has an output at every step.
    assert np.isfinite(found["layer1", "direct"]).all()
    for site in ("layer1", "layer2"):
        assert found[site, "direct"][-1] == found[site, "total"][-1]
        assert np.isneginf(found[site, "recurrent"][-1])
        assert np.isfinite(found[site, "recurrent"][:-1]).all()


def test_a_loss_of_all_steps_is_the_sum_over_them():
    plan = make_plan({"cells": "lstm", "model.hidden": 3, "copy_memory.lag": 4, "seeds": 1})
    (last,) = probes(plan, Lab(loss="last", batch=2), None)
    (whole,) = probes(plan, Lab(loss="all", batch=2), None)

    def look(probe):
        view = probe.view(probe.params[0], 0)
        run = flow.adjoint.trajectory(view.cell, view.params, view.xs)
        readout = probe.params[0]["readout"]
        logits = by_leaf(run.states)["h"] @ readout["kernel"] + readout["bias"]
        return view.loss(run.states), nats(logits, view.batch.targets).sum(1)

    value, terms = look(last)
    np.testing.assert_allclose(value, terms[-1], rtol=1e-6)
    value, terms = look(whole)
    np.testing.assert_allclose(value, terms.sum(), rtol=1e-6)


def test_a_law_is_drawn_from_where_its_curve_begins(fresh):
    curve = "c: sigma(b)^k, gate by its bias alone"
    law = numbers(fresh / "lags.csv", network="lstm init", curve=curve)
    found = [
        numbers(fresh / "lags.csv", network="lstm init", curve="c", seed=seed)
        for seed in range(2)
    ]
    np.testing.assert_allclose(law[1], np.mean(found, 0)[1], atol=1e-5)
    np.testing.assert_allclose(np.diff(law), np.log10(jax.nn.sigmoid(6.0)), atol=1e-5)


def test_rows_of_lines_and_maps():
    lines = Lines(np.array([1, 2]), {"a": np.array([[3.0, 4.0]])}, "", "", {"b": np.ones(2)})
    table = Map(np.array([[5.0, 6.0]]), "", "", "", ("u", "v"), ("w",))
    found = list(rows({Subject("net", "layer1", "net"): {"p": lines, "q": table}}))
    assert all(len(row) == len(HEAD) for row in found)
    assert {tuple(row[:2]) for row in found} == {("net", "layer1")}
    assert [row[2:] for row in found] == [
        ["p", "a", 0, "1", "3"],
        ["p", "a", 0, "2", "4"],
        ["p", "b", "", "1", "1"],
        ["p", "b", "", "2", "1"],
        ["q", "w", "", "u", "5"],
        ["q", "w", "", "v", "6"],
    ]


def test_a_slope_is_taken_between_the_lags_of_the_protocol():
    line = np.stack([-0.1 * np.arange(published.TO + 1.0)] * 2)
    line[:, : published.FROM] = 7
    np.testing.assert_allclose(published.slopes(line), -0.1 * np.log(10))


def test_the_linear_network_of_the_protocol_has_its_closed_form():
    from recur.cells import rnn

    row = published.Row("", rnn(4, activation="identity"), 1.0, None)
    np.testing.assert_allclose(published.curves(row, 2), 0, atol=1e-12)


@pytest.mark.parametrize(
    ("flags", "message"),
    {
        ("--lab.analyses=lag",): "unknown analysis 'lag': did you mean 'lags'?",
        ("--lab.through=carry,forge", "--cells=lstm"): "lstm has no path 'forge', it has "
        "carry, input, forget, candidate, output",
        ("--lab.window=7",): "--lab.window=7 is longer than the sequences: choose 1 to 6",
        ("--lab.batch=0",): "--lab.batch must be at least 1, got 0",
        ("--lab.lengths=3,x",): "--lab.lengths must be steps like 1,5,20; got '3,x'",
        ("--train.steps=3",): "--train.steps has no effect: nothing is trained here",
        ("--run=/nowhere",): "--run=/nowhere holds no run (it has no config.json)",
        ("--lab.windw=3",): "did you mean --lab.window?",
        ("--workdir=.",): "--workdir=. exists: --overwrite replaces",
    }.items(),
)
def test_bad_input_is_refused_in_one_line(flags, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    described = () if flags[0].startswith("--run") else FRESH
    assert main([*described, *flags]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert message in line
    assert captured.out == ""
    assert not any(tmp_path.iterdir())


def test_the_page_of_classics_takes_no_other_setting(capsys):
    assert main(["--preset=paper", "--seeds=3"]) == 2
    assert "leave out --seeds" in capsys.readouterr().err


def test_a_run_is_taken_as_it_was(trained, capsys, tmp_path):
    target = f"--workdir={tmp_path / 'lab'}"
    assert main([f"--run={trained}", target, "--model.hidden=9"]) == 2
    assert "--model.hidden was 3, is now 9" in capsys.readouterr().err
    assert main([f"--run={trained}", target, "--cells=lstm"]) == 2
    assert "lstm was not trained" in capsys.readouterr().err


def test_a_run_without_checkpoints_is_refused(trained, capsys, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text((trained / "config.json").read_text())
    assert main([f"--run={run}"]) == 2
    assert f"has no checkpoint of rnn: train it with python -m experiments --workdir={run}" in (
        capsys.readouterr().err
    )
    assert not (run / "gradient_flow").exists()


def test_wide_states_have_their_window_without_matrices():
    plan = make_plan({"cells": "rnn", "model.hidden": 600, "copy_memory.lag": 2, "seeds": 1})
    (probe,) = probes(plan, Lab(batch=1), None)
    panels = ANALYSES["jacobians"].run(probe)
    assert list(panels) == ["product"]
    view = probe.view(probe.params[0], 0)
    (exact,) = flow.window_singular_values(
        view.cell, view.params, view.xs, probe.window, 1, exact=True
    )
    found = panels["product"].curves["singular value 1"]
    np.testing.assert_allclose(found[0], exact, atol=1e-3)
    assert jnp.isfinite(found).all()
