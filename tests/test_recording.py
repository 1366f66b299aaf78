"""Gradient flow recorded as training goes: the right rows, and the same after a kill."""

import csv
import itertools
import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.launch.plan import make_plan
from experiments.reporting import gates_figure, training_figure
from experiments.reporting.heading import heading_of
from experiments.runs import directory as runs
from experiments.runs.journal import Journal
from experiments.runs.location import RunLocation
from experiments.runs.mirrors import NoMirror
from experiments.training.flow_recorder import Recorded, flow_recorder, recorded
from experiments.training.gate_statistics import (
    SEQUENCES,
    STATISTICS,
    make_gate_statistics,
)
from experiments.training.lag_curves import flow_batch, make_curves
from experiments.training.progress import Progress
from experiments.training.trainer import arrays_of, make_trainer
from recur import flow
from recur.cells import CELLS
from tests.learning import network_of
from tests.test_runs import Killed, killed_at, run


pytestmark = pytest.mark.xdist_group("recording")

FLOW = "--train.flow_every=2"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of six steps, recorded at 0, 2, 4 and 6."""
    path = tmp_path_factory.mktemp("recorded") / "run"
    assert run(path, FLOW) == 0
    return path


def journal_of(path):
    return Journal(path / "gradient_flow.jsonl", NoMirror())


def trained_on(plan, cell, seed, steps):
    """The state of a seed after each of these numbers of steps."""
    trainer = make_trainer(plan.network(cell), plan.benchmark, plan.train)
    arrays, state = arrays_of(plan.benchmark), trainer.init(jnp.int32(seed))
    for step in steps:
        while state.step < step:
            state, _ = trainer.train_steps(arrays, state, jnp.int32(seed), state.step + 1)
        yield state


def test_a_row_is_the_lag_curve_of_the_state_at_that_step(whole):
    plan = make_plan(json.loads((whole / "config.json").read_text())["settings"])
    curves = make_curves(plan.network("rnn"), plan.benchmark, plan.train.flow_batch)
    arrays = arrays_of(plan.benchmark)
    found = recorded(journal_of(whole), "rnn")
    np.testing.assert_array_equal(found.steps, [0, 2, 4, 6])
    for seed in range(2):
        for index, state in enumerate(trained_on(plan, "rnn", seed, found.steps)):
            expected = curves(arrays, state.params, jnp.int32(seed))["h"]
            np.testing.assert_allclose(found.curves["h"][seed, index], expected, atol=1e-4)
    changes = np.abs(np.diff(found.curves["h"], axis=1)).max(-1)
    assert (changes > 0).all()


@pytest.mark.parametrize("step", [1, 2, 3, 5])
def test_killed_and_resumed_the_rows_are_the_same(whole, step, tmp_path, monkeypatch):
    path = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Progress, "update", killed_at(step))
        run(path, FLOW)
    assert run(path, FLOW, "--resume") == 0
    for name in ("gradient_flow.jsonl", "figures/flow_training.csv"):
        assert (path / name).read_text() == (whole / name).read_text()


def test_rows_past_the_checkpoint_and_a_torn_one_are_cut(whole, tmp_path, monkeypatch):
    path, flags = tmp_path / "run", (FLOW, "--train.checkpoint_every=3")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Progress, "update", killed_at(5))
        run(path, *flags)
    journal = journal_of(path)
    assert [row["step"] for row in journal.read()] == [0, 0, 2, 2, 4, 4]
    with journal.path.open("a") as file:
        file.write('{"cell": "rnn", "se')
    assert run(path, *flags, "--resume") == 0
    assert journal.path.read_text() == (whole / "gradient_flow.jsonl").read_text()


def test_rows_end_in_order_whoever_came_first(whole, tmp_path):
    path = tmp_path / "run"
    shutil.copytree(whole, path)
    journal = journal_of(path)
    lines = journal.path.read_text().splitlines(keepends=True)
    journal.path.write_text("".join(reversed(lines)))
    assert run(path, FLOW, "--resume") == 0
    assert journal.path.read_text().splitlines(keepends=True) == lines


def test_the_first_and_the_last_row_are_the_gradient_flow_before_and_after(whole):
    with (whole / "figures/gradient_flow.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = recorded(journal_of(whole), "rnn").curves["h"]
    for phase, index in (("init", 0), ("trained", -1)):
        norms = [float(row["log10_norm_h"]) for row in rows if row["phase"] == phase]
        np.testing.assert_array_equal(found[:, index].ravel(), norms)


def test_the_figure_and_its_csv_are_in_the_report(whole):
    with (whole / "figures/flow_training.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["cell", "seed", "step", "lag", "log10_norm_h"]
    assert [[*map(float, list(row.values())[1:])] for row in rows] == [
        [row["seed"], row["step"], lag, norm]
        for row in sorted(journal_of(whole).read(), key=lambda row: row["seed"])
        for lag, norm in enumerate(row["log10_norm"]["h"])
    ]
    for suffix in ("svg", "png"):
        assert (whole / f"figures/flow_training.{suffix}").stat().st_size > 0
    assert 'alt="flow training"' in (whole / "report.html").read_text()


@pytest.fixture(scope="module")
def gated(tmp_path_factory):
    """A run of two cells with gates and one without."""
    path = tmp_path_factory.mktemp("gated") / "run"
    assert run(path, FLOW, "--cells=lstm,gru,rnn", "--lstm.forget_bias=2") == 0
    return path


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_gates_of_a_row_are_those_of_the_state_at_that_step(gated, cell):
    plan = make_plan(json.loads((gated / "config.json").read_text())["settings"])
    network, arrays = plan.network(cell), arrays_of(plan.benchmark)
    rows = [r for r in journal_of(gated).read() if r["cell"] == cell and r["seed"] == 1]
    steps = [row["step"] for row in rows]
    for row, state in zip(rows, trained_on(plan, cell, 1, steps), strict=True):
        batch = flow_batch(plan.benchmark, arrays, jnp.int32(1), SEQUENCES)
        (site,) = network.sites(state.params, batch, plan.benchmark.loss).values()
        found = flow.gates(site.cell, site.params, site.xs)
        assert row["gates"].keys() == found.values.keys() and row["gates"]
        for name, values in found.values.items():
            values = np.asarray(values)
            wanted = [values.mean(), (values < 0.1).mean(), (values > 0.9).mean()]
            np.testing.assert_allclose(row["gates"][name], wanted, atol=1e-4)
        state, kept = {"lstm": ("c", "forget"), "gru": ("h", "update")}[cell]
        kept = np.asarray(found.values[kept])
        kept = kept if cell == "lstm" else 1 - kept
        halves = np.log(0.5) / np.log(kept).mean((0, 1))
        np.testing.assert_allclose(row["half_life"][state], np.median(halves), rtol=1e-3)
        constants = np.median(1 / (1 - kept.mean((0, 1))))
        np.testing.assert_allclose(row["time_constant"][state], constants, rtol=1e-3)
    assert [row["step"] for row in rows] == [0, 2, 4, 6]
    assert len({json.dumps(row["gates"]) for row in rows}) == 4


def test_what_a_cell_has_not_is_left_out(gated):
    rows = [row for row in journal_of(gated).read() if row["cell"] == "rnn"]
    assert rows and all(row["gates"] == {} for row in rows)
    assert all(row["half_life"] == {"h": 0.0} for row in rows)


def test_the_figure_of_the_gates_and_its_csv(gated, whole):
    with (gated / "figures/gates_training.csv").open() as file:
        lines = [tuple(row.values()) for row in csv.DictReader(file)]
    for row in journal_of(gated).read():
        for gate, values in row["gates"].items():
            for name, value in zip(STATISTICS, values, strict=True):
                start = row["cell"], str(row["seed"]), str(row["step"]), "gates"
                assert (*start, f"{gate} {name}", f"{value:.6g}") in lines
    assert not [line for line in lines if line[0] == "rnn"]
    assert 'alt="gates training"' in (gated / "report.html").read_text()
    assert not list((whole / "figures").glob("gates_training*"))


def test_the_figure_has_a_colour_for_each_gate_however_many():
    gates = {f"gate {i}": np.full((2, 3, 3), 0.1 * i) for i in range(9)}
    steps = np.array([0, 50, 100])
    found = {
        "lstm": {
            "gates": Recorded(steps, gates),
            "half_life": Recorded(steps, {"c": np.full((2, 3), np.inf)}),
        }
    }
    figure = gates_figure.figure_of(found, 100, heading_of(make_plan({"seeds": 2})))
    figure.draw_without_rendering()
    shades = {str(line.get_color()) for line in figure.axes[0].lines}
    assert len(shades) == len(gates)


def test_what_is_kept_for_ever_has_no_end(tmp_path):
    journal = journal_of(tmp_path)
    measured = {
        "log10_norm": {"h": np.zeros((1, 2))},
        "half_life": {"c": np.array([np.inf])},
    }
    flow_recorder("lstm", 5, lambda states: states, journal).record(5, measured)
    (row,) = journal.read()
    assert row["half_life"] == {"c": None}
    found = recorded(journal, "lstm", "half_life", null=np.inf)
    np.testing.assert_array_equal(found.curves["c"], [[np.inf]])
    assert recorded(journal, "lstm", "gates").curves == {}


@pytest.mark.parametrize("name", sorted(CELLS))
def test_every_cell_has_gate_statistics(name):
    task = make_plan({"copy_memory.lag": 3}).benchmark
    network = network_of(task, name)
    params = network.init(jax.random.key(0))
    measure = jax.jit(make_gate_statistics(network, task))
    found = measure(arrays_of(task), params, jnp.int32(0))
    for statistics in found["gates"].values():
        mean, closed, opened = statistics
        assert 0 < mean < 1 and 0 <= closed + opened <= 1
    assert found["half_life"].keys() == found["time_constant"].keys()
    assert all(value >= 0 for value in found["half_life"].values())


def test_without_the_flag_nothing_is_recorded(tmp_path):
    path = tmp_path / "run"
    assert run(path) == 0
    assert not (path / "gradient_flow.jsonl").exists()
    assert not list((path / "figures").glob("flow_training*"))
    assert "flow training" not in (path / "report.html").read_text()


def test_an_exact_zero_stays_one(tmp_path):
    journal = journal_of(tmp_path)
    curves = {"h": np.array([[0.5, -1.25]]), "c": np.array([[-np.inf, -3.0]])}
    recorder = flow_recorder("lstm", 5, lambda states: {"log10_norm": states}, journal)
    recorder.record(10, curves)
    line = journal.path.read_text()
    assert json.loads(line)["log10_norm"] == {"h": [0.5, -1.25], "c": [None, -3.0]}
    found = recorded(journal, "lstm")
    np.testing.assert_array_equal(found.curves["c"], [[[-np.inf, -3.0]]])
    np.testing.assert_array_equal(found.curves["h"], [[[0.5, -1.25]]])


def test_only_every_so_many_steps_are_recorded(tmp_path):
    journal = journal_of(tmp_path)
    measure = lambda step: {"log10_norm": {"h": np.array([[step]])}}
    recorder = flow_recorder("rnn", 5, measure, journal)
    for step in range(12):
        recorder.record(step, float(step))
    assert [row["step"] for row in journal.read()] == [0, 5, 10]
    recorder.begin(7, None)
    assert [row["step"] for row in journal.read()] == [0, 5]
    recorder.begin(0, 3.0)
    assert [row["log10_norm"]["h"] for row in journal.read()] == [[3.0]]


def test_what_is_recorded_is_not_mirrored_and_goes_with_overwrite(tmp_path, monkeypatch):
    seen = []

    class Seen(NoMirror):
        def __init__(self, *args):
            del args

        def write(self, row):
            seen.append(row)

    monkeypatch.setattr(runs, "open_mirror", Seen)
    location = RunLocation(str(tmp_path / "run"), mirror="tensorboard")
    settings = make_plan({}).settings
    with runs.open_run(location, settings) as directory:
        directory.journal.append([{"step": 1}])
        directory.flow.append([{"step": 2}])
        assert directory.flow.path.exists()
    assert seen == [{"step": 1}]
    with runs.open_run(location._replace(overwrite=True), settings) as directory:
        assert not directory.flow.path.exists()


EVERY, LAGS = 50, np.arange(40.0)


def drawn(slopes, settings=None, steps=(0, 50, 100), zero_from=40, rows=(), sites=("",)):
    """The figure of straight curves, one slope [decades/step] for each cell.

    A second recurrence is twice as steep, a third three times.
    """
    plan = make_plan({"cells": ",".join(slopes), **(settings or {})})
    found = {}
    for cell, slope in slopes.items():
        curve = np.where(zero_from <= LAGS, -np.inf, slope * LAGS)
        # As steep again for the second seed.
        seeds = np.stack([[curve] * len(steps), [2 * curve] * len(steps)])
        curves = {f"{site}h": factor * seeds for factor, site in enumerate(sites, 1)}
        found[cell] = Recorded(np.array(steps), curves)
    heading = heading_of(plan)
    figure = training_figure.figure_of(found, rows, plan.benchmark, heading)
    figure.draw_without_rendering()
    return figure


def map_of(axes):
    """The colours [T, N, 4] of a heat map."""
    (mesh,) = axes.collections
    return mesh, mesh.to_rgba(mesh.get_array())


def test_a_zero_is_blank_and_everything_else_is_not():
    figure = drawn({"rnn": -0.1}, zero_from=30)
    _, colours = map_of(figure.axes[0])
    np.testing.assert_array_equal(colours[..., 3], np.repeat(LAGS < 30, 3).reshape(40, 3))
    assert "gradient exactly zero" in [t.get_text() for t in figure.legends[0].texts]
    whole = drawn({"rnn": -0.1})
    assert (map_of(whole.axes[0])[1][..., 3] == 1).all()
    assert "gradient exactly zero" not in [t.get_text() for t in whole.legends[0].texts]


@pytest.mark.parametrize(
    ("slopes", "limit", "extend"),
    [
        # Means over the seeds of 1.5 and 3 times the slope, at lag 39.
        ({"rnn": -0.1, "gru": 0.02}, 0.15 * 39, "neither"),
        ({"gru": 0.02, "rnn": -1.0}, 7, "min"),
        ({"gru": 1.0, "rnn": -0.1}, 7, "max"),
        ({"gru": 1.0, "rnn": -1.0}, 7, "both"),
        ({"rnn": 0.0}, 1, "neither"),
    ],
)
def test_all_cells_share_colours_that_are_symmetric_and_say_where_they_end(
    slopes, limit, extend
):
    figure = drawn(slopes)
    for axes in figure.axes[: len(slopes)]:
        mesh, _ = map_of(axes)
        assert mesh.get_clim() == pytest.approx((-limit, limit))
        assert mesh.get_array()[-1, 0] == pytest.approx(1.5 * 39 * slopes[cell_of(axes)])
    assert mesh.colorbar.extend == extend


def cell_of(axes):
    return axes.get_title().split("\n")[0]


def test_slopes_are_in_nats_and_none_is_cut_off():
    slopes = {"gru": 0.001, "rnn": -0.9}
    figure = drawn(slopes)
    for axes, slope in zip(figure.axes[2:4], slopes.values(), strict=True):
        expected = 1.5 * slope * np.log(10)
        np.testing.assert_allclose(axes.lines[0].get_ydata(), [expected] * 3, rtol=1e-4)
        low, high = axes.get_ylim()
        assert low < 2 * slope * np.log(10) < high


def test_a_single_recording_is_seen():
    figure = drawn({"rnn": -0.1}, steps=(0,), rows=[{"cell": "x", "step": EVERY}])
    mesh, _ = map_of(figure.axes[0])
    across = mesh.get_coordinates()[0, :, 0]
    np.testing.assert_array_equal(across, [-EVERY / 2, EVERY / 2])
    assert figure.axes[1].lines[0].get_marker() == "."


@pytest.mark.parametrize(
    "settings",
    [
        {"cells": "rnn", "copy_memory.lag": 100_000, "copy_memory.pattern_length": 100},
        {"cells": "lstm,janet", "lstm.chrono_steps": 75, "janet.chrono_steps": 75},
    ],
    ids=lambda settings: settings["cells"],
)
def test_no_title_is_cut_off_or_runs_into_another(settings):
    cells = settings["cells"].split(",")
    figure = drawn(dict.fromkeys(cells, -0.1), settings)
    titles = [axes.title.get_window_extent() for axes in figure.axes[: len(cells)]]
    for box in (*titles, figure._suptitle.get_window_extent()):
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1
    for left, right in itertools.pairwise(titles):
        assert left.x1 < right.x0


def test_every_recurrence_has_a_heat_map_and_a_slope():
    figure = drawn({"rnn": -0.1, "gru": 0.01}, sites=("encoder.", "decoder."))
    for index, axes in enumerate(figure.axes[:4]):
        mesh, _ = map_of(axes)
        slope = (1 + index // 2) * 1.5 * (-0.1, 0.01)[index % 2]
        assert mesh.get_array()[-1, 0] == pytest.approx(39 * slope)
    assert [axes.get_ylabel().split("\n")[0] for axes in figure.axes[:4:2]] == [
        "encoder",
        "decoder",
    ]
    slopes = [line.get_ydata()[0] for line in figure.axes[4].lines]
    np.testing.assert_allclose(slopes, np.array([-0.15, -0.3]) * np.log(10), rtol=1e-4)
    shown = [text.get_text() for text in figure.legends[0].texts]
    assert {"slope of encoder.h", "slope of decoder.h"} <= set(shown)


@pytest.fixture(scope="module")
def deep(tmp_path_factory):
    """A run of two layers of two cells."""
    path = tmp_path_factory.mktemp("deep") / "run"
    assert run(path, FLOW, "--cells=lstm,rnn", "--model.layers=2") == 0
    return path


def test_figures_of_two_layers_name_each_layer(deep):
    def rows_of(stem):
        with (deep / f"figures/{stem}.csv").open() as file:
            return list(csv.DictReader(file))

    columns = {f"log10_norm_layer{i}.{name}" for i in (1, 2) for name in ("h", "c")}
    for stem in ("gradient_flow", "flow_training"):
        rows = rows_of(stem)
        assert {name for name in rows[0] if name.startswith("log10_norm")} == columns
        # An RNN has no c.
        for row in rows:
            empty = {name for name in columns if not row[name]}
            assert empty == ({c for c in columns if c.endswith("c")} if row["cell"] == "rnn"
                             else set())  # fmt: skip
    names = {row["name"] for row in rows_of("gates_training") if row["quantity"] == "gates"}
    assert names == {
        f"layer{i}.{gate} {statistic}"
        for i in (1, 2)
        for gate in ("input", "forget", "output")
        for statistic in STATISTICS
    }
    for stem in ("gradient_flow", "flow_training", "gates_training", "learning_curves"):
        assert (deep / f"figures/{stem}.png").stat().st_size > 0
    (result, *_) = json.loads((deep / "summary.json").read_text())["results"]
    assert result["slope_trained"] == result["slope_trained.layer2"]
    assert result["slope_trained"] != result["slope_trained.layer1"]
    assert "slope trained, layer1 (nats/step)" in (deep / "report.html").read_text()


def test_the_gates_of_two_layers_have_panels_of_their_own():
    steps = np.array([0, 50])
    gates = {f"layer{i}.forget": np.full((2, 2, 3), 0.25 * i) for i in (1, 2)}
    lives = {f"layer{i}.{name}": np.full((2, 2), 10.0 * i) for i in (1, 2) for name in "ch"}
    found = {"lstm": {"gates": Recorded(steps, gates), "half_life": Recorded(steps, lives)}}
    figure = gates_figure.figure_of(found, 100, heading_of(make_plan({"seeds": 2})))
    figure.draw_without_rendering()
    assert len(figure.axes) == 6
    for index, axes in enumerate(figure.axes[::3], 1):
        (line,) = axes.lines
        assert line.get_ydata()[0] == 0.25 * index
        assert axes.get_ylabel() == f"layer{index}\nmean of a gate"
        assert figure.axes[3 * index - 1].lines[0].get_ydata()[0] == 10 * index
    assert "forget" in [text.get_text() for text in figure.legends[0].texts]
