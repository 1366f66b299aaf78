"""A benchmark in the user's own file: flags, presets, sweeps, resume, report, laboratory."""

import csv
import json
import math
import pathlib
import re
import sys

import pytest

from experiments.__main__ import main
from experiments.gradient_flow.__main__ import main as laboratory
from experiments.gradient_flow.analyses import ANALYSES
from experiments.launch.plan import make_plan
from experiments.training.progress import Progress
from tests.test_runs import Killed, killed_at


# The runs of one file share a module and a directory.
pytestmark = pytest.mark.xdist_group("own benchmark")

README = (pathlib.Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.M | re.S)
(GUIDE,) = (block for block in BLOCKS if "class Majority" in block)

BROKEN = '''
import jax.numpy as jnp

from my_task import Majority, build, majority
from experiments.benchmarks import base

number = 3
no_config = majority._replace(config=dict)
gives_none = majority._replace(build=lambda config, directory: None)
spoilt = lambda **changes: majority._replace(
    build=lambda config, directory: build(config, directory)._replace(**changes)
)
no_sum = spoilt(loss=lambda outputs, batch: jnp.zeros(3))
raises = spoilt(loss=lambda outputs, batch: outputs @ jnp.zeros((7, 7)))
bad_preset = majority._replace(presets={"default": {"train.stepz": 3}})
'''

SMALL = (
    "--benchmark=my_task:majority", "--cells=rnn,gru", "--seeds=2", "--model.hidden=3",
    "--majority.longest=5", "--train.steps=4", "--train.batch=3", "--train.eval_batch=6",
    "--train.flow_batch=2", "--train.log_every=1", "--train.eval_every=2",
    "--train.checkpoint_every=2",
)  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    path = tmp_path_factory.mktemp("own")
    (path / "my_task.py").write_text(GUIDE)
    (path / "broken.py").write_text(BROKEN)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        patch.syspath_prepend(path)
        yield path
    for name in ("my_task", "broken"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def trained(home):
    assert main([*SMALL, "--train.flow_every=2", "--workdir=run"]) == 0
    return home / "run"


def test_it_has_every_file_of_a_run(trained):
    summary = json.loads((trained / "summary.json").read_text())
    assert summary["benchmark"] == "majority" and summary["reported_on"] == "validation"
    # The last of 1, 3 or 5 bits agrees with the majority in 1, 3/4 and 11/16 of all cases.
    p = (1 + 3 / 4 + 11 / 16) / 3
    assert summary["chance"] == {"accuracy": pytest.approx(p)}
    entropy = -p * math.log(p) - (1 - p) * math.log(1 - p)
    assert summary["baseline"] == pytest.approx(entropy)
    for stem in ("gradient_flow", "learning_curves", "flow_training"):
        assert (trained / "figures" / f"{stem}.svg").stat().st_size > 0
    assert "majority (longest 5)" in (trained / "figures/gradient_flow.svg").read_text()
    text = (trained / "flags.txt").read_text()
    assert "--benchmark=my_task:majority\n" in text and "--majority.longest=5\n" in text


def test_lags_count_from_the_end_of_each_sequence(trained):
    with (trained / "figures/gradient_flow.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["cell"] == "rnn"]
    assert all(math.isfinite(float(r["log10_norm_h"])) for r in rows if r["lag"] == "0")
    assert not any(row["log10_norm_h"] == "-inf" for row in rows)


def test_it_is_resumed_bit_for_bit(trained, home, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Progress, "update", killed_at(4))
        main([*SMALL, "--train.flow_every=2", "--workdir=killed"])
    assert main(["--workdir=killed", "--resume"]) == 0
    for name in ("metrics.jsonl", "gradient_flow.jsonl"):
        assert (home / "killed" / name).read_text() == (trained / name).read_text()


def test_it_can_be_swept(home):
    flags = "--majority.longest=3,5", "--cells=rnn", "--seeds=1", "--workdir=sweep"
    assert main([f for f in SMALL if "longest" not in f] + list(flags)) == 0
    with (home / "sweep/horizon.csv").open() as file:
        values = {row["majority.longest"] for row in csv.DictReader(file)}
    assert values == {"3", "5"}


def test_every_analysis_of_the_laboratory_takes_it(trained):
    assert laboratory(["--run=run", "--cells=gru", "--lab.batch=2"]) == 0
    names = {path.stem for path in (trained / "gradient_flow").glob("*.csv")}
    assert names == set(ANALYSES)


def test_its_presets_and_options_are_flags(home, capsys):
    del home
    plan = make_plan({"benchmark": "my_task:majority"})
    assert plan.train.steps == 500 and plan.benchmark.steps == 41
    assert main(["--help", "--benchmark=my_task:majority"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "--majority.longest bits in the longest sequence [steps]. (default: 41)" in text


@pytest.mark.parametrize(
    ("name", "message"),
    {
        "broken:number": "broken:number must be a BenchmarkSpec, got int",
        "broken:no_config": "needs a dataclass as its config",
        "broken:gives_none": "gives_none must build a Benchmark, got NoneType",
        "broken:no_sum": "loss of no_sum must give (sum, count), two scalars",
        "broken:raises": "raises does not run on its train data: TypeError: dot_general",
        "broken:bad_preset": "unknown setting in preset default of bad_preset 'train.stepz'",
        "my_task:majorty": "did you mean 'majority'?",
    }.items(),
)
def test_a_broken_one_is_refused_in_one_line(name, message, home, capsys):
    assert main([f"--benchmark={name}", "--workdir=refused"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (home / "refused").exists()
