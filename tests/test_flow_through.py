"""Adjoints through some paths and not through others, and what a path is called."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur import flow
from recur.names import named
from tests.reference.classic import sigma
from tests.test_flow import read_everywhere, read_last
from tests.test_flow_depth import drawn


pytestmark = pytest.mark.usefixtures("x64", "strict")

H = 4
CHOICES = ((), ("carry",), ("reset",), ("carry", "candidate"), ("update", "reset"))


def plain(scaled):
    return np.asarray(flow.unscale(scaled))


def test_what_comes_back_comes_by_the_chosen_paths_alone():
    cell = recur.gru(H)
    params, xs = drawn(cell)

    @jax.jit
    def look(params, xs):
        names = ("carry", "update", "reset", "candidate")
        jacobians = {p: flow.step_jacobians(cell, params, xs, through=[p]) for p in names}
        parts = [flow.parts(cell, params, xs, read_everywhere, through=c)[2] for c in CHOICES]
        each = [(p.total, p.recurrent, p.paths, p.inputs) for p in parts]
        scaled = lambda node: isinstance(node, flow.ScaledAdjoints)
        direct = flow.unscale(parts[0].direct)
        return jacobians, direct, jax.tree.map(flow.unscale, each, is_leaf=scaled)

    jacobians, direct, found = jax.tree.map(np.asarray, look(params, xs))
    for chosen, (total, recurrent, paths, _) in zip(CHOICES, found, strict=True):
        assert paths.keys() == set(chosen)
        later = np.zeros_like(direct[0])
        for t in reversed(range(len(xs))):
            np.testing.assert_allclose(recurrent[t], later, rtol=1e-9, atol=1e-14)
            np.testing.assert_allclose(total[t], direct[t] + later, rtol=1e-9, atol=1e-14)
            back = {p: np.einsum("bij,bi->bj", jacobians[p][t], total[t]) for p in chosen}
            later = sum(back.values(), np.zeros_like(later))
            for path in chosen if t > 0 else ():
                np.testing.assert_allclose(
                    paths[path][t - 1], back[path], rtol=1e-9, atol=1e-14
                )
    # Through no path there is nothing but what the loss reads.
    np.testing.assert_array_equal(found[0][0], direct)
    assert not found[0][1].any()


def test_the_paths_of_a_cell_all_together_are_the_whole():
    cell = recur.lstm(H)
    params, xs = drawn(cell)
    names = ["output", "carry", "input", "forget", "candidate"]

    @jax.jit
    def look(params, xs):
        chosen = flow.parts(cell, params, xs, read_everywhere, through=names)[2]
        curves = [flow.lag_curve(cell, params, xs, read_last, through=p) for p in (names, None)]
        whole = flow.parts(cell, params, xs, read_everywhere)[2]
        return (chosen, curves[0]), (whole, curves[1])

    chosen, whole = look(params, xs)
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    jax.tree.map(close, chosen, whole)


def test_an_lstm_without_recurrent_weights_carries_the_product_of_its_forget_gates():
    cell = recur.lstm(H)
    params, xs = drawn(cell, shape=(12, 2))
    params = params._replace(w_h=0 * params.w_h)
    f = sigma(np.split(np.asarray(cell.project(params, xs)), 4, axis=-1)[1])
    after = np.concatenate([f[1:], np.ones_like(f[:1])])
    expected = np.cumprod(after[::-1], axis=0)[::-1]
    read = lambda states: states.c[-1].sum()
    # Nothing comes by any other path: with and without, it is the same.
    for through in (None, ["carry"]):
        scaled = flow.scaled_adjoints(cell, params, xs, read, through=through)[2]
        adjoints = flow.unscale(scaled)
        np.testing.assert_allclose(adjoints.c, expected, rtol=1e-12)
        assert not adjoints.h.any()
    # Unit by unit c shows in c itself and in h: the singular values are their hypotenuses.
    values = flow.singular_values_by_lag(cell, params, xs, H, through=["carry"])
    last, _ = recur.unroll(cell, params, xs)
    h, c = map(np.asarray, last)
    shown = h / np.tanh(c) * (1 - np.tanh(c) ** 2)
    sizes = -np.sort(-expected * np.hypot(1, shown), axis=-1)[::-1]
    np.testing.assert_allclose(10.0 ** values[1:], sizes[1:], rtol=1e-9)


def test_thousands_of_steps_on_one_path_do_not_underflow():
    cell = recur.gru(H)
    params, xs = drawn(cell, shape=(3000, 1))
    with jax.enable_x64(False):
        params, xs = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), (params, xs))
        curve = flow.lag_curve(cell, params, xs, read_last, through=["carry"])
        kept = flow.gates(cell, params, xs).retention
        _, _, parts = flow.parts(cell, params, xs, read_last, through=["carry"])
        logs = flow.log10_norms(parts.paths["carry"])[:-1, 0]
    # What the carry multiplies, unit by unit, in logarithms.
    last = np.asarray(flow.unscale(parts.direct))[-1, 0].astype(float)
    backwards = np.log10(np.asarray(kept, float))[:0:-1, 0].cumsum(0)
    powers = backwards + np.log10(np.abs(last))
    peak = powers.max(-1)
    expected = peak + 0.5 * np.log10((100.0 ** (powers - peak[:, None])).sum(-1))
    assert expected[-1] < -300
    np.testing.assert_allclose(curve[1:], expected, rtol=1e-4)
    np.testing.assert_allclose(logs[::-1], expected, rtol=1e-4)


def paths_in(step):
    """Path -> Jacobian of the first step of h_t = step(h_{t-1}, w_h) + u_t, from ones."""

    def initial_state(params, batch_shape):
        return jnp.ones((*batch_shape, H), params.w_h.dtype)

    def both(params, h, u):
        h = step(h, params.w_h) + u
        return h, h

    init = recur.affine_init(H, gate_biases=(0.0,))
    cell = recur.Cell(init, initial_state, recur.affine_project("fork"), both)
    params, xs = drawn(cell, shape=(1,))
    names = flow.paths_of(cell, params, jnp.ones(H), cell.project(params, xs)).names
    one = lambda name: flow.step_jacobians(cell, params, xs, through=[name])[0]
    return np.asarray(params.w_h).T, {name: np.asarray(one(name)) for name in names}


def test_a_state_acts_by_the_first_name_that_it_passes():
    w_h, found = paths_in(
        lambda h, w_h: 5 * h + 7 * named(h * named(h @ w_h, "inner"), "outer")
    )
    assert list(found) == ["carry", "inner", "outer"]
    np.testing.assert_allclose(found["carry"], 5 * np.eye(H))
    np.testing.assert_allclose(found["inner"], 7 * w_h)
    np.testing.assert_allclose(found["outer"], 7 * np.diag(w_h.sum(1)))


def test_names_that_come_again_are_numbered():
    w_h, found = paths_in(
        lambda h, w_h: h + named(h @ w_h, "a") + named(2 * h, "a") + named(3 * h, "carry")
    )
    assert list(found) == ["carry", "a", "a.2", "carry.2"]
    expected = np.eye(H), w_h, 2 * np.eye(H), 3 * np.eye(H)
    np.testing.assert_allclose(list(found.values()), expected)


def test_without_names_the_products_with_weights_are_the_paths():
    """Also those with what a weight is made into."""
    w_h, found = paths_in(lambda h, w_h: h / 2 + h @ w_h + (h * h) @ jnp.exp(w_h))
    assert list(found) == ["carry", "w_h", "w_h.2"]
    expected = np.eye(H) / 2, w_h, 2 * np.exp(w_h)
    np.testing.assert_allclose(list(found.values()), expected)


def test_every_function_that_takes_paths_refuses_those_there_are_not():
    cell = recur.gru(H)
    params, xs = drawn(cell)
    message = "no path 'forget' in this cell: it has carry, update, reset, candidate"
    for function in (flow.scaled_adjoints, flow.lag_curve, flow.parts):
        with pytest.raises(ValueError, match=message):
            function(cell, params, xs, read_last, through=["carry", "forget"])
    for function in (flow.step_jacobians, flow.singular_values_by_lag):
        with pytest.raises(ValueError, match=message):
            function(cell, params, xs, through=["forget"])
