"""Every command and every number in the documents."""

import json
import pathlib
import re
import runpy
import shlex
import sys

import pytest

from experiments.__main__ import main
from experiments.config.errors import UsageError
from experiments.config.options import flagfile
from experiments.gradient_flow.__main__ import COMMAND
from experiments.launch import flags
from experiments.launch.plan import make_plan
from experiments.launch.sweeps import points
from experiments.results.__main__ import tables
from recur.cells import CELLS
from tests.test_runs import TINY


ROOT = pathlib.Path(__file__).parents[1]
DOCUMENTS = {name: (ROOT / name).read_text() for name in ("README.md", "BUILD.md")}

ELSEWHERE = {
    "python -m pip": "run by CI, and in part for machines that are not here",
    "python -m venv": "run by CI",
    ". .venv/bin/activate": "run by CI",
    "python -m pytest": "this is it",
    "python -m flake8": "run by CI",
    "python -m isort": "run by CI",
    "python -m mypy": "run by CI",
    "python -m tests.equivalence": "every entry is a test in test_engines",
}
"""Commands that are not run here, and where they are."""

PUBLISHED = {
    "copy_memory": {},
    "copy_memory_zero_bias": {"model.keep_bias": 0.0},
}
"""Folder of a published run -> the settings on its command line."""

SHRUNK = [flag for flag in TINY if not flag.startswith(("--cells", "--seeds"))]


def commands():
    for text in DOCUMENTS.values():
        blocks = re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        spans = re.findall(r"`(python -m [^`]+)`", text)
        for line in [*"".join(blocks).splitlines(), *spans]:
            yield from (part.strip() for part in line.split("&&"))


def test_every_command_is_run_here_or_elsewhere():
    known = (*ELSEWHERE, "python -m experiments")
    for command in commands():
        assert command.startswith(known), command


def test_every_command_of_the_laboratory_is_understood(my_task):
    del my_task
    found = [c for c in commands() if c.startswith("python -m experiments.gradient_flow")]
    assert found
    for command in found:
        chosen = flags.given(flags.parse(shlex.split(command)[3:], COMMAND), COMMAND)
        settings = {k: v for k, v in chosen.items() if not k.startswith("lab.")}
        make_plan(settings)


def experiments():
    return sorted({c for c in commands() if re.match(r"python -m experiments( |$)", c)})


def in_order(commands):
    """A resumption after the run that it resumes."""
    return sorted(commands, key=lambda c: ("--resume" in c, "--flagfile" in c, c))


@pytest.mark.timeout(900)
def test_the_commands_of_the_bench_run(tmp_path, my_module, my_task, capsys):
    del my_module, my_task
    assert len(experiments()) >= 7
    for command in in_order(experiments()):
        flags = shlex.split(command)[3:]
        if any(flag.startswith("--benchmark=") for flag in flags):
            continue
        if not {"--resume", "--help", "--list"} & set(flags):
            # The command has the last word on what it names itself.
            flags += [flag for flag in SHRUNK if flag.split("=")[0] not in command]
            if not any("--workdir" in f for f in flags):
                flags.append(f"--workdir=runs/{len(list(tmp_path.rglob('config.json')))}")
        assert main(flags) == 0, (command, capsys.readouterr().err)


def test_the_commands_of_other_benchmarks_are_understood(my_task):
    """They run in test_benchmarks, and would take minutes here."""
    del my_task
    found = [command for command in experiments() if "--benchmark=" in command]
    assert len(found) >= 4
    for command in found:
        values = flags.parse(shlex.split(command)[3:])
        for settings in points(flags.given(values)).values():
            try:
                make_plan(settings)
            except UsageError as error:
                assert "is not there" in str(error), command


PYTHON = re.findall(r"^```python\n(.*?)^```", DOCUMENTS["README.md"], re.M | re.S)


@pytest.fixture
def my_task(tmp_path, monkeypatch):
    """The file of the guide to a benchmark of one's own, in the current directory."""
    (code,) = (block for block in PYTHON if "class Majority" in block)
    (tmp_path / "my_task.py").write_text(code)
    (tmp_path / "README.md").write_text(DOCUMENTS["README.md"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield code
    sys.modules.pop("my_task", None)


@pytest.fixture
def my_module(tmp_path, monkeypatch):
    """The file of the guide to a cell of one's own, in the current directory."""
    (code,) = (block for block in PYTHON if "def leaky" in block)
    (tmp_path / "my_module.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield code
    sys.modules.pop("my_module", None)


@pytest.mark.parametrize("code", PYTHON, ids=range(len(PYTHON)))
def test_the_python_of_the_readme_runs(code, tmp_path, my_module):
    del my_module
    file = tmp_path / "readme.py"
    file.write_text(code)
    runpy.run_path(str(file))


def test_the_first_example_of_the_readme_has_the_shapes_it_says(tmp_path):
    file = tmp_path / "readme.py"
    file.write_text(PYTHON[0])
    names = runpy.run_path(str(file))
    assert names["adjoints"].c.shape == (200, 32, 128)
    assert names["curve"].h.shape == (200,)


def test_the_cell_of_the_guide_has_twenty_lines(my_module):
    lines = my_module[my_module.index("@recur.factory") :].splitlines()
    assert len([line for line in lines if line.strip()]) <= 20


def test_the_benchmark_of_the_guide_has_sixty_lines(my_task):
    assert len(my_task.splitlines()) <= 60


def test_the_cells_of_the_readme_are_those_there_are():
    rows = re.findall(r"^\| (`[^|]*`) \|", DOCUMENTS["README.md"], re.M)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert set(CELLS) <= named


def test_the_tables_of_the_readme_are_those_of_the_published_runs():
    for title, text in tables().items():
        assert text in DOCUMENTS["README.md"], title


def test_published_runs_say_what_they_ran_on_what():
    records = sorted((ROOT / "experiments/results").glob("*/run.json"))
    assert len(records) >= 18
    for file in records:
        record = json.loads(file.read_text())
        assert record["command"].startswith("python -m experiments --")
        assert {"jax", "numpy", "python"} <= set(record["versions"])
        assert record["seeds"]
        reads = any(word in file.parent.name for word in ("mnist", "shakespeare", "char"))
        assert reads == any("sha256" in note for note in record["data"])


def test_published_flags_are_settings_that_there_are():
    checked = 0
    for file in (ROOT / "experiments/results").glob("*/flags.txt"):
        chosen = flags.given(flags.parse([f"--flagfile={file}"]))
        summary = json.loads((file.parent / "summary.json").read_text())
        assert summary["benchmark"] == chosen["benchmark"]
        try:
            plan = make_plan(chosen)
        except UsageError as error:
            # Published files that are not on this machine.
            assert "is not there" in str(error)
            continue
        assert {one["cell"] for one in summary["results"]} == set(plan.cells)
        assert len(summary["results"]) == plan.run.seeds * len(plan.cells)
        checked += 1
    assert checked >= 12


def test_the_published_run_shows_what_the_bench_exists_to_show():
    text = (ROOT / "experiments/results/copy_memory/summary.json").read_text()
    for run in json.loads(text)["results"]:
        if run["cell"] == "rnn":
            assert abs(run["loss_over_baseline"] - 1) <= 0.05
        else:
            assert run["loss_over_baseline"] <= 0.1
            assert run["recall_accuracy"] >= 0.95


@pytest.mark.parametrize(("name", "chosen"), PUBLISHED.items())
def test_the_published_flags_are_those_of_the_command(name, chosen):
    text = (ROOT / "experiments/results" / name / "flags.txt").read_text()
    assert text == flagfile(make_plan(chosen).settings)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_and_files_named_exist(name):
    for target in re.findall(r"\]\(([^)#]+)\)", DOCUMENTS[name]):
        assert (ROOT / target).exists(), target


def test_tests_named_in_the_documents_exist():
    source = "".join(file.read_text() for file in (ROOT / "tests").glob("*.py"))
    for name in re.findall(r"`(test_\w+)`", "".join(DOCUMENTS.values())):
        assert f"def {name}(" in source, name
    assert sys.version_info >= (3, 11)
