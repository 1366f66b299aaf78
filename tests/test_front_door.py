"""What the command line accepts, what it refuses, and in which words."""

import json
import subprocess
import sys

import pytest

from experiments.__main__ import main
from experiments.benchmarks.registry import BENCHMARKS
from experiments.config.errors import UsageError
from experiments.config.options import flagfile
from experiments.launch import flags
from experiments.launch.plan import make_plan
from experiments.launch.precedence import select
from experiments.runs.names import FORMAT
from recur.cells import CELLS


REFUSALS = {
    "--copy_memory.lags=3": "did you mean --copy_memory.lag?",
    "--sedes=3": "did you mean --seeds?",
    "--train.step=3": "did you mean --train.steps?",
    "--cells=rnn,lstn": "unknown cell 'lstn': did you mean 'lstm'?",
    "--cells=": "unknown cell ''",
    "--cells=gru,gru": "names a cell twice",
    "--benchmark=copy_memry": "did you mean 'copy_memory'?",
    "--preset=papr": "did you mean 'paper'?",
    "--copy_memory.lag=0": "--copy_memory.lag must be at least 1, got 0",
    "--copy_memory.layout=other": "arjovsky|locuslab",
    "--model.hidden=0": "--model.hidden must be at least 1, got 0",
    "--gru.hidden=-2": "--gru.hidden must be an integer >= 1, got -2",
    "--lstm.chrono_steps=1": "--lstm.chrono_steps must be 0 or >= 2",
    "--train.batch=0": "--train.batch must be at least 1, got 0",
    "--seeds=0": "--seeds must be at least 1, got 0",
    "--train.learning_rate=nan": "--train.learning_rate must be finite and above 0",
    "--train.learning_rate=inf": "--train.learning_rate must be finite and above 0",
    "--train.clip=nan": "--train.clip must be finite",
    "--train.decay=1": "--train.decay must be in [0, 1)",
    "--train.flow_every=75": "--train.flow_every must be a multiple of eval_every",
    "--train.flow_every=-50": "--train.flow_every must be at least 0, got -50",
    "--train.eval_every=15": "--train.eval_every must be a multiple of log_every",
    "--train.steps=many": "--train.steps=many",
    "--train.optimizer=adamw": "adam|rmsprop|sgd",
    "copy_memory": "'copy_memory' is not a flag",
    "--resume": "name the run to go on with: --workdir=DIR",
    "--overwrite": "name the run to go on with: --workdir=DIR",
    "--mirror=wandbb": "did you mean 'wandb'?",
    "--seeds=2,2": "--seeds names a value twice",
    "--copy_memory.lag=3,0": "--copy_memory.lag must be at least 1, got 0",
    "--copy_memory.lag=3,x": "--copy_memory.lag=3,x",
    "--copy_memory.lag=1000000000": "steps fit",
    "--benchmark=parity --parity.eval_length=50000000": "evaluations of 256 sequences at once",
    "--benchmark=nowhere:my_task": "no module 'nowhere'",
    "--benchmark=os:path": "--benchmark: os:path must be a BenchmarkSpec, got module",
    "--benchmark=os:pathh": "os has no 'pathh': did you mean 'path'?",
    "--benchmark=os:lstm": "the name 'lstm' of os:lstm is taken",
    "--model.recurrent_init=ortogonal": "--model.recurrent_init must be one of",
    "--train.beta2=1": "--train.beta2 must be in [0, 1)",
    "--flagfile=/nowhere/flags.txt": "/nowhere/flags.txt",
}


def refuse(capsys, *argv):
    """The one line with which a command line is refused."""
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return line


@pytest.mark.parametrize(("flag", "message"), REFUSALS.items())
def test_bad_flags_are_refused_in_one_line(flag, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in refuse(capsys, *flag.split(" "))
    assert list(tmp_path.iterdir()) == []


def test_a_setting_without_effect_is_refused(capsys):
    line = refuse(capsys, "--cells=rnn", "--lstm.forget_bias=3")
    assert "--lstm.forget_bias has no effect" in line


def test_an_existing_directory_is_not_touched(capsys, tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    assert "--resume goes on" in refuse(capsys, f"--workdir={tmp_path}")
    for flag in ("--resume", "--overwrite"):
        assert "holds no run" in refuse(capsys, f"--workdir={tmp_path}", flag)
    line = refuse(capsys, f"--workdir={tmp_path}", "--resume", "--overwrite")
    assert "exclude each other" in line
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_a_file_is_no_work_directory(capsys, tmp_path):
    file = tmp_path / "file"
    file.write_text("precious")
    assert "is not a directory" in refuse(capsys, f"--workdir={file}")
    assert "cannot be written" in refuse(capsys, f"--workdir={file / 'below'}")
    assert file.read_text() == "precious"


def test_a_resume_with_other_settings_names_each_of_them(capsys, tmp_path):
    settings = make_plan({"train.steps": 7, "cells": "rnn"}).settings
    config = json.dumps({"format": FORMAT, "settings": settings, "versions": {}})
    (tmp_path / "config.json").write_text(config)
    line = refuse(
        capsys, f"--workdir={tmp_path}", "--resume", "--train.steps=8", "--seeds=3",
        "--rnn.bias=false",
    )  # fmt: skip
    assert "--train.steps was 7, is now 8" in line
    assert "--rnn.bias was True, is now False" in line
    assert "--seeds" not in line
    assert [p.name for p in tmp_path.iterdir()] == ["config.json"]
    assert (tmp_path / "config.json").read_text() == config


@pytest.mark.parametrize("text", ["", "{", "[]", '{"settings": 3}'])
def test_a_config_that_cannot_be_read_is_not_resumed(text, capsys, tmp_path):
    (tmp_path / "config.json").write_text(text)
    line = refuse(capsys, f"--workdir={tmp_path}", "--resume")
    assert "config.json cannot be read" in line


def test_a_refusal_waits_for_no_framework_and_compiles_nothing():
    code = (
        "import sys; from experiments.__main__ import main\n"
        "assert main(['--seeds=0', '--workdir=unused']) == 2\n"
        "slow = {'flax', 'optax', 'orbax', 'matplotlib', 'rich'} & set(sys.modules)\n"
        "assert not slow, slow\n"
        "import jax; assert not jax._src.xla_bridge.backends_are_initialized()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_exit_status_is_that_of_the_process():
    command = [sys.executable, "-m", "experiments", "--copy_memory.lag=0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "recur: --copy_memory.lag must be at least 1, got 0\n"


def test_help_explains_every_flag_with_its_default(capsys):
    assert main(["--help", "--copy_memory.lag=77"]) == 0
    text = capsys.readouterr().out
    for name, option in select("copy_memory", "rnn").options().items():
        assert f"  --{name}\n" in text
        assert option.help, f"--{name} is not explained"
    assert "[steps]. (default: 77)" in " ".join(text.split())


def test_flag_beats_preset_beats_default():
    plain = make_plan({"preset": "paper"}).settings
    assert plain["train.batch"] == 20 and plain["copy_memory.symbols"] == 8
    assert make_plan({"preset": "paper", "train.batch": 5}).settings["train.batch"] == 5


def test_the_width_of_a_cell_is_its_own_or_that_of_the_model():
    plan = make_plan({"cells": "rnn,gru", "gru.hidden": 5, "model.hidden": 7})
    assert plan.cells["rnn"] is CELLS["rnn"](7)
    assert plan.cells["gru"] is CELLS["gru"](5, keep_bias=6.0)


def test_every_gated_cell_starts_with_the_bias_of_the_model():
    """Whatever a cell calls its option; its own flag goes before."""
    cells = "lstm,gru,janet,mgu,rnn"
    plan = make_plan({"cells": cells, "model.keep_bias": 2.5, "janet.forget_bias": 0.5})
    names = {"lstm": "forget_bias", "gru": "keep_bias", "mgu": "keep_bias"}
    for cell, option in names.items():
        assert plan.settings[f"{cell}.{option}"] == 2.5
        assert plan.cells[cell] is CELLS[cell](plan.model.hidden, **{option: 2.5})
    assert plan.settings["janet.forget_bias"] == 0.5
    assert plan.cells["rnn"] is CELLS["rnn"](plan.model.hidden)
    chosen = {"cells": "lstm,mingru", "model.chrono_steps": 9, "model.input_init": "glorot"}
    plan = make_plan(chosen)
    assert plan.settings["lstm.chrono_steps"] == 9
    assert plan.settings["mingru.input_init"] == "glorot"


@pytest.mark.parametrize("lag", [100, 200, 300, 500])
def test_the_paper_preset_is_the_protocol_of_arjovsky(lag):
    plan = make_plan({"preset": "paper", "copy_memory.lag": lag})
    assert plan.benchmark.steps == lag + 20
    widths = {n: plan.settings[f"{n}.hidden"] for n in ("rnn", "lstm")}
    assert widths == {"rnn": 80, "lstm": 40}
    assert (plan.train.batch, plan.train.steps) == (20, 20_000)
    assert (plan.train.optimizer, plan.train.decay) == ("rmsprop", 0.9)
    assert (plan.train.clip, plan.train.clip_by) == (1.0, "value")
    assert plan.train.learning_rate == 1e-3


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_preset_is_legal(name):
    presets = BENCHMARKS[name].presets
    assert "default" in presets
    for preset in presets:
        try:
            plan = make_plan({"benchmark": name, "preset": preset})
        except UsageError as error:
            if "is not there" not in str(error):
                raise
            pytest.skip(f"without the files of {name}: {error}")
        assert plan.benchmark.optimum < plan.benchmark.baseline


def test_the_list_has_every_benchmark_with_its_chance(capsys):
    assert main(["--list"]) == 0
    paragraphs = capsys.readouterr().out.split("\n\n")
    for (name, spec), text in zip(BENCHMARKS.items(), paragraphs, strict=False):
        lines, words = " ".join(text.split()), spec.description
        assert lines.startswith(f"{name} task {words.task} chance")
        for part in (words.chance, words.published, words.time):
            assert " ".join(part.split()) in lines
    assert "(0.166667 squared error by default)" in paragraphs[0]


def test_a_flagfile_is_read_and_later_flags_win(tmp_path):
    file = tmp_path / "flags.txt"
    file.write_text(flagfile(make_plan({"seeds": 2}).settings))
    values = flags.parse([f"--flagfile={file}", "--seeds=5"])
    assert make_plan(flags.given(values)).settings == make_plan({"seeds": 5}).settings


def test_an_unknown_saved_setting_is_refused():
    with pytest.raises(UsageError, match="unknown setting 'train.stepz'"):
        make_plan({}, {"train.stepz": 3})


def test_a_batch_that_the_text_is_too_short_for_names_the_largest(capsys, tmp_path):
    file = tmp_path / "short.txt"
    file.write_text("abcdefghij" * 110)
    flags = "--benchmark=char_lm", f"--char_lm.text={file}", f"--workdir={tmp_path / 'run'}"
    line = refuse(capsys, *flags)
    assert "--train.batch=32: 990 symbols are too few for 32 streams of chunks of 50" in line
    assert "at most 19 streams, or chunks of 30" in line
    # Both remedies work.
    for fits in ({"train.batch": 19}, {"char_lm.chunk": 30}):
        make_plan({"benchmark": "char_lm", "char_lm.text": str(file), **fits})


def test_data_that_are_not_there_are_asked_for_in_one_line(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.benchmarks.data.files.PATIENCE", 0.01)
    line = refuse(capsys, "--benchmark=pixel_mnist", f"--data_dir={tmp_path / 'none'}")
    assert "mnist/train-images-idx3-ubyte.gz is not there" in line
    assert list(tmp_path.iterdir()) == []
