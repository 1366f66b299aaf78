"""Gates of every cell by hand: their values, what they keep, and their adjoints."""

import jax
import numpy as np
import pytest

from recur import flow
from tests.reference import CASES
from tests.reference.classic import sigma
from tests.test_flow import ONE_OF_EACH, read_everywhere
from tests.test_flow_depth import drawn


H = 4


def fused(params, h, u):
    """The pre-activations of a cell with one fused product, block by block."""
    return np.split(h @ params.w_h + u, params.w_h.shape[1] // H, axis=-1)


def of_lstm(p, s, u):
    i, f, _, o = map(sigma, fused(p, s.h, u))
    return {"input": i, "forget": f, "output": o}, (0, f)


def of_peephole_lstm(p, s, u):
    (i, f, g, o), (w_i, w_f, w_o) = fused(p, s.h, u), np.split(p.w_c, 3)
    i, f = sigma(i + w_i * s.c), sigma(f + w_f * s.c)
    o = sigma(o + w_o * (f * s.c + i * np.tanh(g)))
    return {"input": i, "forget": f, "output": o}, (0, f)


def of_coupled_lstm(p, s, u):
    f, _, o = map(sigma, fused(p, s.h, u))
    return {"forget": f, "output": o}, (0, f)


def standardize(x):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt(np.square(centred).mean(-1, keepdims=True) + 1e-5)


def of_layer_norm_lstm(p, s, u):
    i, f, _, o = map(sigma, np.split(p.gain_h * standardize(s.h @ p.w_h) + u, 4, axis=-1))
    return {"input": i, "forget": f, "output": o}, (0, f)


def of_layer_norm_gru(p, h, u):
    together = standardize((h @ p.w_h)[..., : 2 * H])
    z, r = map(sigma, np.split(p.gain_h[: 2 * H] * together + u[..., : 2 * H], 2, axis=-1))
    return {"update": z, "reset": r}, (1 - z,)


def of_slstm(p, s, u):
    i, f, _, o = fused(p, s.h, u)
    keep = np.log(sigma(f)) + s.m
    m = np.where(s.n == 0, i, np.maximum(keep, i))
    kept = np.exp(keep - m)
    # The stabiliser is the larger of the two, whichever that is.
    return {"output": sigma(o)}, (0, kept, kept, m > i)


def of_gru(p, h, u):
    z, r, _ = map(sigma, fused(p, h, u))
    return {"update": z, "reset": r}, (1 - z,)


def of_mgu(p, h, u):
    f, _ = map(sigma, fused(p, h, u))
    return {"forget": f}, (1 - f,)


def of_ugrnn(p, h, u):
    g, _ = map(sigma, fused(p, h, u))
    return {"update": g}, (g,)


def of_janet(p, h, u):
    s, _ = map(sigma, fused(p, h, u))
    return {"forget": s}, (s,)


def of_mingru(p, h, u):
    del p, h
    z, _ = map(sigma, np.split(u, 2, axis=-1))
    return {"update": z}, (1 - z,)


def of_minlstm(p, h, u):
    del p, h
    i, f, _ = map(sigma, np.split(u, 3, axis=-1))
    return {"forget": f / (f + i)}, (f / (f + i),)


def of_lru(p, s, u):
    del s, u
    kept = np.exp(-np.exp(p.nu)) * np.cos(np.exp(p.theta))
    return {}, (0, kept, kept)


def without_gates(p, h, u):
    del p, h, u
    return {}, (0,)


LSTM, GRU = ("input", "forget", "candidate", "output"), ("update", "reset", "candidate")

CELLS = {
    "rnn": (without_gates, ("activation",)),
    "irnn": (without_gates, ("activation",)),
    "indrnn": (without_gates, ("activation",)),
    "lstm": (of_lstm, LSTM),
    "projected_lstm": (of_lstm, LSTM),
    "peephole_lstm": (of_peephole_lstm, LSTM),
    "coupled_lstm": (of_coupled_lstm, ("forget", "candidate", "output")),
    "layer_norm_lstm": (of_layer_norm_lstm, LSTM),
    "slstm": (of_slstm, LSTM),
    "gru": (of_gru, GRU),
    "gru_reset_after": (of_gru, GRU),
    "layer_norm_gru": (of_layer_norm_gru, GRU),
    "mgu": (of_mgu, ("forget", "candidate")),
    "ugrnn": (of_ugrnn, ("update", "candidate")),
    "janet": (of_janet, ("forget", "candidate")),
    "mingru": (of_mingru, ("update", "candidate")),
    "minlstm": (of_minlstm, None),
    "lru": (of_lru, None),
}
"""Case -> its gates and retention by hand, and the names of the blocks of its input."""


@jax.jit(static_argnums=0)
def look(cell, params, xs):
    """The library's answers; and the adjoint of what each step takes in, by a loop."""
    run = flow.adjoint.trajectory(cell, params, xs)
    _, _, parts = flow.parts(cell, params, xs, read_everywhere)
    first = jax.tree.map(lambda s: s[0], run.before)

    def value(us):
        step = lambda state, u: (cell.step(params, state, u)[0],) * 2
        return read_everywhere(jax.lax.scan(step, first, us)[1])

    gates = {name: flow.unscale(adjoint) for name, adjoint in parts.gates.items()}
    carried = flow.step_jacobians(cell, params, xs, through=["carry"])
    found = flow.gates(cell, params, xs)
    return run.before, run.us, found, carried, gates, jax.grad(value)(run.us)


# All tests of a cell in one process, so that it is compiled once.
GROUPED = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in CELLS]


@pytest.fixture(scope="module", params=GROUPED)
def seen(request):
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"):
        case = CASES[request.param]
        cell = case.make(H)
        params, xs = drawn(cell)
        answers = look(cell, params, xs)
        return request.param, *jax.tree.map(np.asarray, (params, *answers))


def test_every_registered_cell_has_its_gates_by_hand():
    assert {CASES[name].name for name in CELLS} == set(ONE_OF_EACH)


def test_gates_and_retention_are_those_by_hand(seen):
    name, params, before, us, found, *_ = seen
    values, kept = CELLS[name][0](params, before, us)
    assert found.values.keys() == values.keys()
    for gate, value in values.items():
        np.testing.assert_allclose(found.values[gate], value, rtol=1e-10)
    for leaf, expected in zip(jax.tree.leaves(found.retention), kept, strict=True):
        expected = np.broadcast_to(expected, leaf.shape)
        np.testing.assert_allclose(leaf, expected, rtol=1e-10, atol=1e-15)


def test_retention_is_all_that_the_carry_does_within_a_leaf(seen):
    _, _, _, _, found, carried, _, _ = seen
    start = 0
    for leaf in jax.tree.leaves(found.retention):
        stop = start + leaf.shape[-1]
        diagonal = leaf[..., None] * np.eye(leaf.shape[-1])
        np.testing.assert_array_equal(carried[..., start:stop, start:stop], diagonal)
        start = stop
    assert start == carried.shape[-1]


def test_the_adjoints_of_named_values_are_those_of_what_is_added_to_them(seen):
    name, _, _, us, _, _, gates, by_input = seen
    if name == "lru":
        found, expected = [gates["w_s"]], [by_input[2]]
    elif name == "minlstm":
        # What is named is the logarithm of sigma(f) / sigma(i).
        i, f, _ = map(sigma, np.split(us, 3, axis=-1))
        found = [gates["forget"] * (i - 1), gates["forget"] * (1 - f), gates["candidate"]]
        expected = np.split(by_input, 3, axis=-1)
    else:
        found = [gates[block] for block in CELLS[name][1]]
        expected = np.split(by_input, len(found), axis=-1)
    assert gates.keys() == set(CELLS[name][1] or gates)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12 * np.abs(other).max())
