"""Summary, figures and page of a run, from results made by hand."""

import csv
import html.parser
import json
import math

import numpy as np
import pytest

from experiments.benchmarks.base import Data
from experiments.launch.plan import make_plan
from experiments.reporting import (
    benchmark_curves_figure,
    drawing,
    flow_figure,
    gates_figure,
    learning_figure,
    report,
    summary,
    training_figure,
)
from experiments.reporting.heading import heading_of
from experiments.reporting.sites import sites_of
from experiments.reporting.summary_file import mean_and_range
from experiments.reporting.tables import markdown
from experiments.runs.directory import Run
from experiments.runs.journal import Journal
from experiments.runs.mirrors import NoMirror
from experiments.training.cell_result import CellResult
from experiments.training.loop import Fit
from recur import flow


NASTY = '</script><script>alert(1)</script><img onerror="alert(1)" src="https://x.y">'


class Page(html.parser.HTMLParser):
    """Collects every tag with its attributes, and the text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)


def open_by_hand(path):
    return Run(
        path,
        Journal(path / "metrics.jsonl", NoMirror()),
        Journal(path / "gradient_flow.jsonl", NoMirror()),
        Journal(path / "samples.jsonl", NoMirror()),
        (),
    )


def result(names, **changes):
    """A result of two seeds over nine steps, steeper for every further state."""
    curve = np.linspace(0, -3, 2 * 9, dtype=np.float32).reshape(2, 9)
    curves = {name: (1 + i) * curve for i, name in enumerate(names)}
    base = CellResult(5, {"init": curves}, 1.0, "here")
    return base._replace(**changes)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    plan = make_plan({"cells": "rnn,lstm", "seeds": 2})
    settings = {**plan.settings, f"note{NASTY}": NASTY}
    plan = plan._replace(settings=settings)
    run = open_by_hand(tmp_path_factory.mktemp("report"))
    run.journal.append(
        {"cell": cell, "seed": seed, "step": 1, "loss": 0.5 + seed, "recall_accuracy": 0.2}
        for cell in ("rnn", "lstm")
        for seed in range(2)
    )
    results = {"rnn": result(["h"], failure=f"broke {NASTY}"), "lstm": result(["h", "c"])}
    heading, rows = heading_of(plan), run.journal.read()
    run.figures.mkdir()
    flow_figure.write(run.figures, {c: r.flow for c, r in results.items()}, heading)
    learning_figure.write(run.figures, rows, plan.benchmark, heading)
    training_figure.write(run.figures, run.flow, rows, plan.benchmark, heading)
    gates_figure.write(run.figures, run.flow, plan.benchmark.steps, heading)
    summed = summary.summarize(plan, results, rows, 12.0)
    return Page(report.render(plan, run, summed))


def test_nothing_runs(page):
    assert not {"script", "iframe", "object", "embed", "link"} & {t for t, _ in page.tags}
    for _, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes)
    policy = [a["content"] for t, a in page.tags if t == "meta" and "content" in a]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_nothing_is_fetched(page):
    sources = [a["src"] for _, a in page.tags if "src" in a]
    assert len(sources) == 2
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert not any("href" in attributes for _, attributes in page.tags)


def test_what_a_user_typed_is_shown_as_typed(page):
    assert page.texts.count(NASTY) == 1
    assert f"note{NASTY}" in page.texts
    assert f"rnn: broke {NASTY}" in page.texts


def test_the_heading_states_task_width_bias_and_initializer():
    heading = heading_of(make_plan({"lstm.hidden": 9, "lstm.chrono_steps": 5}))
    assert heading.labels["lstm"] == (
        "lstm: H 9, forget bias 6.0, chrono steps 5, recurrent init orthogonal, "
        "input init lecun"
    )
    assert heading.title.startswith("copy_memory (lag 100, ")
    assert heading.seeds == 3


def test_mean_and_range():
    assert mean_and_range([1.0, 2.0, 6.0]) == "3 [1, 6]"
    assert mean_and_range([math.nan, None]) == "-"


def test_a_table_in_markdown():
    lines = [["a", "b", "c"], ["x", "y", "1"]]
    assert markdown(lines) == "| a | b | c |\n| --- | ---: | ---: |\n| x | y | 1 |"
    rule = "| --- | --- | ---: |"
    assert markdown(lines, 2).split("\n")[1] == rule
    assert markdown(lines, {"a", "b"}).split("\n")[1] == rule


def test_the_same_data_give_the_same_svg(tmp_path):
    heading = heading_of(make_plan({"cells": "rnn"}))
    curves = {"rnn": {"init": {"h": np.array([[0.0, -1.0], [0.0, -2.0]])}}}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        flow_figure.write(tmp_path / name, curves, heading)
    svg = "gradient_flow.svg"
    assert (tmp_path / "one" / svg).read_text() == (tmp_path / "two" / svg).read_text()


def test_every_cell_has_a_colour_of_its_own_however_many():
    for count in (3, 7, 8, 20):
        found = drawing.colours([f"cell{i}" for i in range(count)])
        assert len({tuple(colour) for colour in found.values()}) == count


LAYERS = ["layer1.c", "layer1.h", "layer2.c", "layer2.h"]


def test_recurrences_are_read_off_the_names():
    assert sites_of(["c", "h"]) == [""]
    # A wrapper of two states has one output, the first.
    assert sites_of(["h", "inner.h"]) == [""]
    assert sites_of(LAYERS) == ["layer1", "layer2"]


def test_gradient_flow_has_a_row_of_panels_for_each_layer():
    heading = heading_of(make_plan({"cells": "lstm,gru", "seeds": 2}))
    found = {"lstm": result(LAYERS).flow, "gru": result(LAYERS[1::2]).flow}
    figure = flow_figure.figure_of(found, heading)
    figure.draw_without_rendering()
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [
        f"layer{layer}, {when}"
        for layer in (1, 2)
        for when in ("at initialisation", "after training")
    ]
    for index, axes in enumerate(figure.axes[::2]):
        drawn = [(line.get_linestyle(), line.get_ydata()) for line in axes.lines]
        curves = found["lstm"]["init"]
        lstm = {style: values for style, values in drawn[:2]}
        for style, name in (("-", "h"), ("--", "c")):
            expected = curves[f"layer{index + 1}.{name}"].mean(0)
            np.testing.assert_array_equal(lstm[style], expected)
        assert drawn[2][0] == "-"
    legends = [text.get_text() for legend in figure.legends for text in legend.texts]
    assert "s = h" in legends and "s = c" in legends


def with_test_set(plan):
    data = Data((), plan.benchmark.validation.draw, size=4)
    return plan._replace(benchmark=plan.benchmark._replace(test=data, validation=data))


def fitted(**values):
    """A fit of two seeds with this evaluation."""
    evaluation = {name: np.array(value) for name, value in values.items()}
    return Fit(None, evaluation, seconds=4.0, computing=3.0)


def measured(loss, accuracy):
    return {"loss": np.array(loss), "recall_accuracy": np.array(accuracy)}


def test_a_result_without_a_test_set_is_the_last_validation():
    plan = make_plan({"cells": "rnn", "seeds": 2})
    rows = [
        {"cell": "rnn", "seed": seed, "step": step, "eval_loss": loss}
        for seed in range(2)
        for step, loss in ((1, 0.5), (2, 0.25 + seed), (3, 0.375))
    ]
    one = result(["h"], fit=fitted(loss=[0.375, 0.375], recall_accuracy=[0.5, 0.75]))
    summed = summary.summarize(plan, {"rnn": one}, rows, 1.0)
    first, second = summed["results"]
    assert summed["reported_on"] == "validation"
    assert (first["best_loss"], first["best_step"]) == (0.25, 2)
    assert (second["best_loss"], second["best_step"]) == (0.375, 3)
    assert first["final_loss"] == 0.375 and second["recall_accuracy"] == 0.75
    assert first["loss_over_baseline"] == pytest.approx(0.375 / plan.benchmark.baseline)
    assert not any("test" in key for key in first)
    assert first["slope_init"] == pytest.approx(float(flow.slope(one.flow["init"]["h"][0])))
    assert math.isnan(first["slope_trained"])
    assert json.loads(summary.to_json(summed))["results"][0]["slope_trained"] is None
    head, line = summary.rows(summed)
    assert head[2:4] == ["loss / baseline", "recall accuracy"]
    assert line[3] == "0.625 [0.5, 0.75]"


def test_a_result_with_a_test_set_is_that_of_the_best_step():
    plan = with_test_set(make_plan({"cells": "rnn", "seeds": 2}))
    test = {
        "best": measured([0.1, 0.2], [0.9, 0.8]),
        "final": measured([0.3, 0.4], [0.7, 0.6]),
    }
    fit = fitted(loss=[0.5, 0.6], recall_accuracy=[0.1, 0.2])
    results = {"rnn": result(["h"], fit=fit, test=test)}
    summed = summary.summarize(plan, results, [], 1.0)
    found = summed["results"][1]
    assert summed["reported_on"] == "test"
    expected = {
        **{"final_loss": 0.6, "recall_accuracy": 0.2},
        **{"test_loss": 0.2, "test_recall_accuracy": 0.8},
        **{"final_test_loss": 0.4, "final_test_recall_accuracy": 0.6},
        "loss_over_baseline": 0.2 / plan.benchmark.baseline,
    }
    assert {key: found[key] for key in expected} == pytest.approx(expected)
    head, line = summary.rows(summed)
    assert head[2:4] == ["test loss / baseline", "test recall accuracy"]
    assert line[3] == "0.85 [0.8, 0.9]"
    columns = [column.header for column in summary.terminal_table(summed).columns]
    assert "test recall accuracy" in columns
    failed = summary.summarize(plan, {"rnn": result(["h"], failure="x")}, [], 1.0)
    assert failed["results"][0].keys() == found.keys()
    assert math.isnan(failed["results"][0]["test_loss"])


def test_a_network_of_two_layers_has_a_slope_for_each():
    plan = make_plan({"cells": "lstm", "seeds": 2})
    one = result(LAYERS)
    summed = summary.summarize(plan, {"lstm": one}, [], 1.0)
    found = summed["results"][1]
    for layer in ("layer1", "layer2"):
        expected = float(flow.slope(one.flow["init"][f"{layer}.h"][1]))
        assert found[f"slope_init.{layer}"] == pytest.approx(expected)
    assert found["slope_init"] == found["slope_init.layer2"]
    assert found["half_life_init"] == found["half_life_init.layer2"]
    head, line = summary.rows(summed)
    assert "slope at init, layer1 (nats/step)" in head
    assert "half-life trained, layer2 (steps)" in head
    assert len(head) == len(line)


@pytest.mark.parametrize("finite", [False, True])
def test_the_report_says_on_which_sequences_it_measured(finite):
    plan = make_plan({})
    plan = with_test_set(plan) if finite else plan
    benchmark = plan.benchmark
    if finite:
        benchmark = benchmark._replace(flow=benchmark.validation)
    text = report.captions(benchmark)["gradient_flow"]
    assert ("validation sequences" in text) == finite
    assert ("new sequences" in text) == (not finite)


def test_the_curve_of_a_benchmark_has_a_figure_under_its_name(tmp_path):
    plan = make_plan({"benchmark": "parity", "cells": "rnn,gru", "seeds": 2})
    values = np.array([[np.nan, 1.0, 0.5], [np.nan, 0.75, 0.5]])
    found = {"rnn": {"length": values}, "gru": {}}
    curves = plan.benchmark.curves
    benchmark_curves_figure.write(tmp_path, found, curves, heading_of(plan))
    with (tmp_path / "length.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["cell", "seed", curves["length"].x_label, curves["length"].y_label]
    assert rows[1:] == [
        ["rnn", "0", "1", "1"], ["rnn", "0", "2", "0.5"],
        ["rnn", "1", "1", "0.75"], ["rnn", "1", "2", "0.5"],
    ]  # fmt: skip
    assert (tmp_path / "length.svg").exists() and (tmp_path / "length.png").exists()
    figure = benchmark_curves_figure.figure_of(
        {"rnn": values}, curves["length"], heading_of(plan)
    )
    assert figure.axes[0].lines[-1].get_ydata()[0] == curves["length"].memoryless


def test_only_a_known_chance_is_drawn_and_only_a_fraction_is_bounded():
    plan = make_plan({"cells": "rnn"})
    metrics = dict(plan.benchmark.metrics)
    (metric,) = metrics.values()
    metrics["perplexity_error"] = metric._replace(memoryless=None, bounded=False, unit="nats")
    benchmark = plan.benchmark._replace(metrics=metrics)
    figure = learning_figure.figure_of([], benchmark, heading_of(plan))
    _, fraction, other = figure.axes
    assert fraction.lines[0].get_ydata()[0] == metric.memoryless and not other.lines
    assert fraction.get_ylim() == (-0.02, 1.02) != other.get_ylim()
    assert other.get_ylabel() == "validation perplexity error (nats)"
