"""The benchmark of speed measures the same work and says what it measured. No test here
fails on a slow machine."""

import csv
import json
import math

import jax.numpy as jnp
import numpy as np
import pytest

import recur
from experiments.speed import __main__ as speed
from experiments.speed import seeds, tables
from experiments.speed.measure import Quartiles, check_outputs, in_turn
from experiments.speed.ours import keeper
from experiments.speed.peers import PEERS, installed
from experiments.speed.rows import Row, cells_of
from experiments.speed.work import Shape, floor, in_jax, make_inputs


SHAPES = Shape(2, 5, 3, 4), Shape(1, 9, 2, 3)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    path = tmp_path_factory.mktemp("speed")
    speed.main(str(path), kinds=("gru", "fork"), shapes=SHAPES, rounds=(2, 2))
    return path


def test_every_installed_library_does_the_same_work(measured):
    with (measured / "speed.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = {row["library"] for row in rows if row["kind"] == "gru"}
    there = {name for name, peer in PEERS.items() if installed(peer)}
    assert found == there | {"recur", "recur scan", "floor"}
    assert all(float(row["error"]) < 1e-5 for row in rows if row["library"] != "floor")
    assert all(float(row["ms_low"]) > 0 for row in rows)
    ours = [row for row in rows if row["library"] == "recur"]
    assert {float(row["ratio_median"]) for row in ours} == {1.0}
    assert {row["pass"] for row in ours} == {"forward", "train"}
    assert all(float(row["gradient_error"]) < 1e-5 for row in ours)


def test_the_machine_and_the_versions_are_written_down(measured):
    whole = json.loads((measured / "speed.json").read_text())
    assert whole["gpu"] == "not measured"
    assert {"jax", "flax"} <= whole["versions"].keys()
    assert len(whole["rows"]) == len((measured / "speed.csv").read_text().splitlines()) - 1


def test_the_figure_is_drawn(measured):
    assert (measured / "speed.svg").stat().st_size > 5000
    assert (measured / "speed.png").stat().st_size > 5000


def test_a_program_that_does_other_work_is_refused():
    shape = SHAPES[0]
    right = in_jax(lambda w, xs: xs * w, jnp.ones(()), make_inputs(shape))
    wrong = in_jax(lambda w, xs: xs * w, 2 * jnp.ones(()), make_inputs(shape))
    wanted = np.asarray(make_inputs(shape), np.float64)
    assert check_outputs({"right": right}, wanted) == {"right": 0}
    with pytest.raises(RuntimeError, match="wrong computes something else"):
        check_outputs({"right": right, "wrong": wrong}, wanted)


def test_the_floor_has_the_products_of_a_layer():
    shape = Shape(2, 5, 3, 4)
    us, zs = floor(keeper(4), shape).forward()
    assert us.shape == zs.shape == (10, 8)
    dw_x, dw_h, dh = floor(keeper(4), shape).train()
    assert (dw_x.shape, dw_h.shape, dh.shape) == ((3, 8), (4, 8), (10, 4))


def test_programs_take_turns():
    order = []
    calls = {name: lambda name=name: order.append(name) for name in "abc"}
    taken = in_turn(calls, rounds=(3, 3))
    assert "".join(order) == "abc" "bca" "cab" "abc"
    assert {len(seconds) for seconds in taken.values()} == {3}


def test_a_dialect_is_measured_against_its_own_equations():
    cells = cells_of("gru", {"flax linen": PEERS["flax linen"]})
    (make,) = cells
    assert make.func is recur.gru and make.keywords == {"reset_after": True}


def row(library, ratio, kind="lstm", shape=SHAPES[0]):
    one = Quartiles(ratio, ratio, ratio)
    return Row(kind, kind, shape, library, "train", one, one, 1.0, 1.0, 0.0, None)


def test_conclusions_are_those_of_the_best_peer():
    other = SHAPES[1]
    rows = [row("flax linen", 4.0), row("keras", 2.0), row("pytorch", 0.5)]
    rows += [row("flax linen", 8.0, shape=other), row("recur scan", 9.0)]
    best, thin, torch, fork, floor_share = tables.conclusions(rows)
    assert f"mean {math.sqrt(2 * 8):.2f}, least 2.00 (lstm 2 5 3 4)" in best
    assert "not measured" in thin and "not measured" in fork and "not measured" in floor_share
    assert "mean 0.50" in torch


def test_seeds_against_runs_and_the_cost_of_a_record_are_printed(capsys):
    seeds.main(lag=3, hidden=4, steps=2, names=["rnn"], rounds=(2, 2))
    together, record = capsys.readouterr().out.splitlines()
    assert "8 seeds, 2 steps" in together and "CPU cores" in together
    assert record.startswith("rnn: a record every 50 steps takes")
