"""The page that is sent around: nothing runs in it, nothing is fetched by it."""

import html.parser
import math

import numpy as np
import pytest

from experiments.launch.plan import make_plan
from experiments.reporting import drawing, figures, report, summary
from experiments.runs.directory import Run
from experiments.runs.journal import Journal
from experiments.runs.mirrors import NoMirror
from experiments.training.cell_result import Outcome


NASTY = '</script><script>alert(1)</script><img onerror="alert(1)" src="https://x.y">'


class Page(html.parser.HTMLParser):
    """Collects every tag with its attributes, and the text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    plan = make_plan({"cells": "rnn,lstm", "seeds": 2})
    settings = {**plan.settings, f"note{NASTY}": NASTY}
    plan = plan._replace(settings=settings)
    path = tmp_path_factory.mktemp("report")
    run = Run(
        path,
        Journal(path / "metrics.jsonl", NoMirror()),
        Journal(path / "gradient_flow.jsonl", NoMirror()),
        Journal(path / "samples.jsonl", NoMirror()),
        (),
    )
    run.journal.append(
        {"cell": cell, "seed": seed, "step": 1, "loss": 0.5 + seed, "recall_accuracy": 0.2}
        for cell in ("rnn", "lstm")
        for seed in range(2)
    )
    curve = np.linspace(0, -3, 2 * 9, dtype=np.float32).reshape(2, 9)
    outcomes = {
        "rnn": Outcome(5, None, {"init": {"h": curve}}, f"broke {NASTY}", 1.0, "here"),
        "lstm": Outcome(7, None, {"init": {"h": curve, "c": 2 * curve}}, None, 1.0, "here"),
    }
    figures.draw(plan, run, outcomes)
    summed = summary.summarize(plan, outcomes, run.journal.read(), 12.0)
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
    assert page.words.count(NASTY) == 1
    assert f"note{NASTY}" in page.words
    assert f"rnn: broke {NASTY}" in page.words


def test_a_legend_states_bias_and_initializer():
    plan = make_plan({"lstm.hidden": 9, "lstm.chrono_steps": 5})
    assert figures.label("lstm", plan) == (
        "lstm: H 9, forget bias 6.0, chrono steps 5, recurrent init orthogonal, "
        "input init lecun"
    )


def test_spread_over_seeds():
    assert summary.spread([1.0, 2.0, 6.0]) == "3 [1, 6]"
    assert summary.spread([math.nan, None]) == "-"


def test_the_same_data_draws_the_same_svg(tmp_path):
    plan = make_plan({"cells": "rnn"})
    curves = {"rnn": {"init": {"h": np.array([[0.0, -1.0], [0.0, -2.0]])}}}
    for stem in ("one", "two"):
        with drawing.matplotlib.rc_context(drawing.STYLE):
            drawing.save(figures.flow_figure(plan, curves), tmp_path / stem)
    assert (tmp_path / "one.svg").read_text() == (tmp_path / "two.svg").read_text()


def test_every_cell_has_a_colour_of_its_own_however_many():
    for count in (3, 7, 8, 20):
        found = drawing.colours([f"cell{i}" for i in range(count)])
        assert len({tuple(colour) for colour in found.values()}) == count
