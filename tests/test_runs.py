"""The runner: what a run leaves behind, and what it survives."""

import csv
import fcntl
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from experiments.__main__ import main
from experiments.launch.plan import plan_of_run
from experiments.runs.checkpoint import named_leaves
from experiments.training.keys import keys_of
from experiments.training.progress import Progress
from experiments.training.restore import restore


STEPS = 6

TINY = (
    "--cells=rnn",
    "--seeds=2",
    "--model.hidden=3",
    "--copy_memory.lag=2",
    "--copy_memory.pattern_length=1",
    "--copy_memory.symbols=2",
    f"--train.steps={STEPS}",
    "--train.batch=2",
    "--train.eval_batch=4",
    "--train.flow_batch=2",
    "--train.log_every=1",
    "--train.eval_every=1",
    "--train.checkpoint_every=1",
)


def run(path, *flags):
    return main([*TINY, f"--workdir={path}", *flags])


def rows_of(path):
    def never(token):
        raise AssertionError(f"{token} is not JSON")

    lines = (path / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line, parse_constant=never) for line in lines]


def states_of(path, cell="rnn"):
    """Every leaf of the newest checkpoint, by name."""
    return named_leaves(restore(plan_of_run(path, {}), cell, path))


def assert_same_run(one, other):
    assert (one / "metrics.jsonl").read_text() == (other / "metrics.jsonl").read_text()
    flow = "figures/gradient_flow.csv"
    assert (one / flow).read_text() == (other / flow).read_text()
    ours, theirs = states_of(one), states_of(other)
    assert ours.keys() == theirs.keys()
    for name, leaf in ours.items():
        np.testing.assert_array_equal(leaf, theirs[name], err_msg=name)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing happened to."""
    path = tmp_path_factory.mktemp("whole") / "run"
    assert run(path) == 0
    return path


class Killed(BaseException):
    """The process is gone."""


def killed_at(step):
    """Die after the rows of a step are written and before its checkpoint is."""

    def update(self, cell, now, evaluation):
        del self, cell, evaluation
        if now == step:
            raise Killed

    return update


def test_a_run_leaves_what_it_promises(tmp_path):
    path = tmp_path / "run"
    assert run(path, "--cells=rnn,lstm,gru", "--seeds=3", "--train.eval_every=2",
               "--train.checkpoint_every=2") == 0  # fmt: skip
    names = "config.json flags.txt metrics.jsonl report.html summary.json checkpoints"
    for name in names.split():
        assert (path / name).exists(), name
    for stem in ("gradient_flow", "learning_curves"):
        for suffix in ("svg", "png", "csv"):
            assert (path / "figures" / f"{stem}.{suffix}").stat().st_size > 0
    rows = rows_of(path)
    assert len(rows) == 3 * 3 * STEPS
    for row in rows:
        assert {"cell", "seed", "step", "loss"} <= row.keys()
        assert ("recall_accuracy" in row) == (row["step"] % 2 == 0)
    check_flow(path)
    check_summary(path)


def check_flow(path):
    with (path / "figures" / "gradient_flow.csv").open() as file:
        rows = list(csv.DictReader(file))
    columns = ["cell", "seed", "phase", "lag", "log10_norm_h", "log10_norm_c"]
    assert list(rows[0]) == columns
    keys = [(r["cell"], r["seed"], r["phase"], r["lag"]) for r in rows]
    # Lags 0 to 3: lag + 2 * pattern = 4 steps.
    assert sorted(keys) == sorted(
        (cell, str(seed), phase, str(lag))
        for cell in ("rnn", "lstm", "gru")
        for seed in range(3)
        for phase in ("init", "trained")
        for lag in range(4)
    )
    for row in rows:
        assert math.isfinite(float(row["log10_norm_h"]))
        assert (row["log10_norm_c"] == "") == (row["cell"] != "lstm")


def check_summary(path):
    summary = json.loads((path / "summary.json").read_text())
    with (path / "figures" / "gradient_flow.csv").open() as file:
        flow = list(csv.DictReader(file))
    assert [(r["cell"], r["seed"]) for r in summary["results"]] == [
        (cell, seed) for cell in ("rnn", "lstm", "gru") for seed in range(3)
    ]
    last = {(r["cell"], r["seed"]): r for r in rows_of(path) if r["step"] == STEPS}
    for one in summary["results"]:
        row = last[one["cell"], one["seed"]]
        assert one["final_loss"] == pytest.approx(row["eval_loss"], rel=1e-6)
        assert one["recall_accuracy"] == pytest.approx(row["recall_accuracy"])
        assert one["baseline"] == pytest.approx(math.log(2) / 4)
        assert one["loss_over_baseline"] * one["baseline"] == pytest.approx(
            one["final_loss"]
        )
        for phase in ("init", "trained"):
            norms = [
                float(r["log10_norm_h"])
                for r in flow
                if (r["cell"], r["seed"], r["phase"])
                == (one["cell"], str(one["seed"]), phase)
            ]
            fitted = math.log(10) * np.polyfit(range(len(norms)), norms, 1)[0]
            assert one[f"slope_{phase}"] == pytest.approx(fitted, rel=1e-3, abs=1e-5)
            slope, half_life = one[f"slope_{phase}"], one[f"half_life_{phase}"]
            if slope < 0:
                assert half_life * slope == pytest.approx(-math.log(2), rel=1e-5)
            else:
                assert half_life is None
    # H (H + I + 1) for the cell and (H + 1) O for the readout.
    assert summary["results"][0]["parameters"] == 3 * (3 + 4 + 1) + 4 * 3
    assert summary["seconds"]["total"] > 0 and summary["seconds"]["compile"] > 0


@pytest.mark.parametrize("step", [1, 3, STEPS - 1, STEPS])
def test_resumed_is_never_killed(step, whole, tmp_path, monkeypatch):
    path = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Progress, "update", killed_at(step))
        run(path)
    assert len(rows_of(path)) == 2 * step
    update, steps = Progress.update, []

    def watched(self, cell, now, evaluation):
        steps.append(now)
        update(self, cell, now, evaluation)

    monkeypatch.setattr(Progress, "update", watched)
    assert main([f"--workdir={path}", "--resume"]) == 0
    # From the last checkpoint, that of the step before, and not from the start.
    assert steps == list(range(step, STEPS + 1))
    assert_same_run(path, whole)


def test_resuming_a_finished_run_changes_nothing(whole, tmp_path):
    path = tmp_path / "run"
    assert run(path) == 0
    assert run(path, "--resume") == 0
    assert_same_run(path, whole)


def test_a_kill_by_the_system_at_any_moment(whole, tmp_path):
    path = tmp_path / "run"
    command = [sys.executable, "-m", "experiments", *TINY, f"--workdir={path}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not (path / "metrics.jsonl").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert run(path, "--resume") == 0
    assert_same_run(path, whole)


def test_sigterm_saves_the_step_and_says_how_to_go_on(whole, tmp_path, monkeypatch, capsys):
    path = tmp_path / "run"

    def update(self, cell, step, evaluation):
        del self, cell, evaluation
        if step == 4:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.2)

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "update", update)
        assert run(path, "--train.checkpoint_every=6") == 128 + signal.SIGTERM
    assert "--resume" in capsys.readouterr().out
    assert sorted(p.name for p in (path / "checkpoints" / "rnn").iterdir()) == ["4"]
    assert run(path, "--resume", "--train.checkpoint_every=6") == 0
    assert (path / "metrics.jsonl").read_text() == (whole / "metrics.jsonl").read_text()


def test_a_torn_last_line_is_not_a_row(whole, tmp_path, monkeypatch):
    path = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Progress, "update", killed_at(4))
        run(path)
    with (path / "metrics.jsonl").open("a") as file:
        file.write('{"cell": "rnn", "se')
    assert run(path, "--resume") == 0
    assert_same_run(path, whole)


def flip_a_bit(checkpoint):
    """In the middle of every file of a checkpoint's values: some are copies, never read."""
    for path in (p for p in (checkpoint / "state").rglob("d/*") if p.is_file()):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0x10
        path.write_bytes(data)


def test_a_flipped_bit_is_found_and_an_older_checkpoint_used(
    whole, tmp_path, monkeypatch, capsys
):
    path = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Progress, "update", killed_at(5))
        run(path)
    flip_a_bit(path / "checkpoints" / "rnn" / "4")
    assert run(path, "--resume") == 0
    assert "rnn: checkpoint moved aside, step 4: " in capsys.readouterr().out
    assert (path / "checkpoints" / "rnn.damaged-4").is_dir()
    assert_same_run(path, whole)


def test_when_every_checkpoint_is_damaged_nothing_is_trained(
    tmp_path, monkeypatch, capsys
):
    path = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Progress, "update", killed_at(5))
        run(path)
    for step in ("3", "4"):
        flip_a_bit(path / "checkpoints" / "rnn" / step)
    assert run(path, "--resume") == 2
    error = capsys.readouterr().err
    assert "step 4:" in error and "step 3:" in error and "delete that directory" in error
    assert len(rows_of(path)) == 2 * 5


def test_flags_txt_replays_the_run(whole, tmp_path):
    path = tmp_path / "again"
    assert main([f"--flagfile={whole / 'flags.txt'}", f"--workdir={path}"]) == 0
    assert_same_run(path, whole)


def test_a_run_directory_names_no_place(whole):
    for name in ("config.json", "flags.txt", "metrics.jsonl", "summary.json", "report.html"):
        assert str(whole.parent) not in (whole / name).read_text(), name


def test_overwrite_starts_anew(whole, tmp_path):
    path = tmp_path / "run"
    assert run(path, "--train.steps=2") == 0
    (path / "notes.txt").write_text("mine")
    assert run(path, "--overwrite") == 0
    assert_same_run(path, whole)
    assert (path / "notes.txt").read_text() == "mine"


def test_a_diverging_cell_ends_and_the_others_do_not(tmp_path, capsys):
    path = tmp_path / "run"
    flags = (
        "--cells=rnn,lstm", "--rnn.activation=identity", "--train.optimizer=sgd",
        "--train.learning_rate=1e9", "--train.clip=0", "--train.schedule=constant",
    )  # fmt: skip
    assert run(path, *flags) == 1
    rows = rows_of(path)
    broken = [row for row in rows if row["cell"] == "rnn"][-1]
    assert broken["loss"] is None and broken["step"] < STEPS
    assert len([row for row in rows if row["cell"] == "lstm"]) == 2 * STEPS
    reason = f"the loss of seed {broken['seed']} is nan at step {broken['step']}"
    assert reason in capsys.readouterr().out
    summary = json.loads((path / "summary.json").read_text())
    assert summary["failures"] == {"rnn": reason}
    assert [r["final_loss"] is None for r in summary["results"]] == [True, True, False, False]
    assert reason in (path / "report.html").read_text()


def test_the_summary_says_where_the_time_went(whole):
    summary = json.loads((whole / "summary.json").read_text())
    assert list(summary["placement"]) == ["rnn"]
    assert summary["placement"]["rnn"].startswith("2 seeds, one job each, on ")
    seconds = summary["seconds"]
    assert 0 < seconds["compute"] < seconds["train"] < seconds["total"]
    for one in summary["results"]:
        assert one["steps_per_second"] == pytest.approx(2 * STEPS / seconds["train"])
        # Batches of 2 sequences of 4 steps: a pattern of 1, a lag of 2, the recall.
        assert one["tokens_per_second"] == pytest.approx(8 * one["steps_per_second"])


@pytest.mark.parametrize("precision", ["mixed", "bfloat16"])
def test_a_run_in_another_precision_trains_other_bits_of_the_same_kind(
    precision, whole, tmp_path
):
    path = tmp_path / "run"
    assert run(path, f"--model.precision={precision}") == 0
    wide, narrow = states_of(whole), states_of(path)
    kernels = [name for name in wide if name.startswith("params") and "kernel" in name]
    for name in wide:
        assert wide[name].dtype == narrow[name].dtype
    assert any((wide[name] != narrow[name]).any() for name in kernels)


def test_a_seed_alone_computes_the_bits_it_computes_in_company(whole, tmp_path):
    path = tmp_path / "run"
    assert run(path, "--seeds=1") == 0
    together, alone = states_of(whole), states_of(path)
    for name, leaf in alone.items():
        np.testing.assert_array_equal(leaf[0], together[name][0], err_msg=name)


def test_streams_of_random_numbers_do_not_overlap():
    keys = [jax.random.key_data(k).tolist() for s in range(50) for k in keys_of(s)]
    assert len({tuple(key) for key in keys}) == 50 * 6


def test_tensorboard_sees_what_the_metrics_say(tmp_path):
    pytest.importorskip("tensorboardX", reason="an optional mirror")
    from tensorboardX.proto.event_pb2 import Event

    path = tmp_path / "run"
    assert run(path, "--mirror=tensorboard") == 0
    seen = {}
    for seed in range(2):
        (file,) = (path / "tensorboard" / f"rnn-seed{seed}").iterdir()
        data = file.read_bytes()
        while data:
            size = int.from_bytes(data[:8], "little")
            event = Event.FromString(data[12 : 12 + size])
            data = data[16 + size :]
            for value in event.summary.value:
                seen[seed, event.step, value.tag] = value.simple_value
    for row in rows_of(path):
        for name in ("loss", "eval_loss", "recall_accuracy"):
            assert seen[row["seed"], row["step"], name] == pytest.approx(row[name])


def test_another_process_in_the_directory_is_respected(tmp_path, capsys):
    path = tmp_path / "run"
    path.mkdir()
    with (path / "run.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert run(path, "--resume") == 2
    assert "in use by another process" in capsys.readouterr().err
    assert not (path / "config.json").exists()


def test_a_run_of_an_earlier_version_is_refused_in_one_line(whole, tmp_path, capsys):
    path = tmp_path / "run"
    shutil.copytree(whole, path)
    config = json.loads((path / "config.json").read_text())
    del config["format"]
    (path / "config.json").write_text(json.dumps(config))
    before = {p: p.stat().st_mtime_ns for p in path.rglob("*")}
    assert main([f"--workdir={path}", "--resume"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "has format 1, this version reads format 2" in line and "--overwrite" in line
    assert {p: p.stat().st_mtime_ns for p in path.rglob("*")} == before


def test_two_layers_are_named_in_columns_and_checkpoints(tmp_path):
    path = tmp_path / "run"
    assert run(path, "--cells=lstm", "--model.layers=2") == 0
    with (path / "figures/gradient_flow.csv").open() as file:
        names = csv.DictReader(file).fieldnames
    assert set(names[4:]) == {
        f"log10_norm_{layer}.{leaf}" for layer in ("layer1", "layer2") for leaf in "hc"
    }
    (one, _) = json.loads((path / "summary.json").read_text())["results"]
    assert one["slope_trained"] == one["slope_trained.layer2"] != one["slope_trained.layer1"]
    assert states_of(path, "lstm")["params.recurrent.0.w_h"].shape == (2, 3, 12)
