"""Paths and gates against closed forms, and names that change nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur import flow
from recur.names import blocks, named
from tests.test_flow import read_everywhere, read_last


pytestmark = pytest.mark.usefixtures("x64", "strict")

H, I, T = 4, 3, 9


def drawn(cell, scale=0.5):
    params = cell.init(jax.random.key(0), I)
    leaves, structure = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    noise = [scale * jax.random.normal(k, x.shape) for k, x in zip(keys, leaves, strict=True)]
    xs = jax.random.normal(jax.random.key(2), (T, 2, I))
    return jax.tree.unflatten(structure, noise), xs


def leaky(rate, tell):
    """A cell of a fork, with a name or without."""

    def initial_state(params, batch_shape):
        return jnp.zeros((*batch_shape, H), params.w_h.dtype)

    def step(params, h, u):
        a = h @ params.w_h + u
        h = (1 - rate) * h + rate * jnp.tanh(named(a, "inner") if tell else a)
        return h, h

    init = recur.affine_init(H, gate_biases=(0.0,))
    return recur.Cell(init, initial_state, recur.affine_project("leaky"), step)


def pre_activations(cell, params, xs):
    """Of each block, and the states before each step."""
    run = flow.adjoint.trajectory(cell, params, xs)
    h = jax.tree.leaves(run.before)[0]
    return jnp.split(h @ params.w_h + run.us, params.w_h.shape[1] // H, axis=-1), run


def test_an_lstm_carries_c_by_its_forget_gate_alone():
    cell = recur.lstm(H)
    params, xs = drawn(cell)
    (_, f, _, _), _ = pre_activations(cell, params, xs)
    f = jax.nn.sigmoid(f)
    _, _, scaled = flow.scaled_adjoints(cell, params, xs, read_last, through=["carry"])
    found = flow.unscale(scaled)
    # The loss reads h alone, and h of c: both end the carousel at the last step.
    last = flow.adjoints(cell, params, xs, read_last)[2].h[-1]
    np.testing.assert_allclose(found.h[:-1], 0, atol=0)
    np.testing.assert_allclose(found.h[-1], last)
    whole = flow.step_jacobians(cell, params, xs[-1:], through=["carry"])
    assert whole.shape == (1, 2, 2 * H, 2 * H)
    for t in range(T - 2):
        np.testing.assert_allclose(found.c[t], found.c[t + 1] * f[t + 1], rtol=1e-12)


def test_a_gru_in_closed_form():
    cell = recur.gru(H)
    params, xs = drawn(cell)
    run = flow.adjoint.trajectory(cell, params, xs)
    w_z, w_r, w_n = np.split(np.asarray(params.w_h), 3, axis=1)
    u_z, u_r, u_n = np.split(np.asarray(run.us), 3, axis=-1)
    h = np.asarray(run.before)
    sigma = lambda x: 1 / (1 + np.exp(-x))
    z, r = sigma(h @ w_z + u_z), sigma(h @ w_r + u_r)
    n = np.tanh((r * h) @ w_n + u_n)
    jacobians = {
        name: flow.step_jacobians(cell, params, xs, through=[name])
        for name in ("carry", "update", "candidate", "reset")
    }
    for t, b in np.ndindex(T, 2):
        zt, rt, nt, ht = z[t, b], r[t, b], n[t, b], h[t, b]
        written = (zt * (1 - nt**2))[:, None] * w_n.T
        expected = {
            "carry": np.diag(1 - zt),
            "update": ((nt - ht) * zt * (1 - zt))[:, None] * w_z.T,
            "candidate": written * rt,
            "reset": written * (ht * rt * (1 - rt)) @ w_r.T,
        }
        for name, found in jacobians.items():
            np.testing.assert_allclose(found[t, b], expected[name], rtol=1e-9, atol=1e-12)
    values = flow.gates(cell, params, xs)
    np.testing.assert_allclose(values.values["update"], z, rtol=1e-12)
    np.testing.assert_allclose(values.values["reset"], r, rtol=1e-12)
    np.testing.assert_allclose(values.retention, 1 - z, rtol=1e-12)


def test_the_adjoints_of_an_lstms_gates_are_what_probes_feel():
    cell = recur.lstm(H)
    params, xs = drawn(cell)
    us = cell.project(params, xs)

    def value(probes):
        def step(state, x):
            u, probe = x
            i, f, g, o = jnp.split(state[0] @ params.w_h + u + probe, 4, axis=-1)
            c = jax.nn.sigmoid(f) * state[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
            state = jax.nn.sigmoid(o) * jnp.tanh(c), c
            return state, state

        zeros = jnp.zeros((2, H))
        return read_everywhere(jax.lax.scan(step, (zeros, zeros), (us, probes))[1])

    expected = jnp.split(jax.grad(value)(jnp.zeros_like(us)), 4, axis=-1)
    _, _, parts = flow.parts(cell, params, xs, read_everywhere)
    names = ("input", "forget", "candidate", "output")
    assert set(parts.gates) == set(names)
    for name, gate in zip(names, expected, strict=True):
        np.testing.assert_allclose(
            flow.unscale(parts.gates[name]), gate, rtol=1e-9, atol=1e-13
        )


def test_a_cell_without_names_has_the_paths_of_its_weights():
    for tell, name in ((True, "inner"), (False, "w_h")):
        cell = leaky(0.25, tell)
        params, xs = drawn(cell)
        _, _, parts = flow.parts(cell, params, xs, read_everywhere)
        assert list(parts.paths) == ["carry", name]
        carried = flow.step_jacobians(cell, params, xs, through=["carry"])
        expected = np.broadcast_to(0.75 * np.eye(H), carried.shape)
        np.testing.assert_array_equal(carried, expected)
        np.testing.assert_array_equal(flow.gates(cell, params, xs).retention, 0.75)


def test_a_name_changes_no_bit():
    told, untold = leaky(0.25, True), leaky(0.25, False)
    params, xs = drawn(told)

    def look(cell):
        loss = lambda params: recur.unroll(cell, params, xs)[1].sum()
        return jax.jit(jax.value_and_grad(loss))(params)

    jax.tree.map(np.testing.assert_array_equal, look(told), look(untold))


def test_blocks_are_split_in_order():
    parts = blocks(jnp.arange(6.0).reshape(1, 6), "a", "b", "c")
    np.testing.assert_array_equal(jnp.stack(parts), [[[0, 1]], [[2, 3]], [[4, 5]]])


def test_an_unknown_path_is_refused_with_those_there_are():
    cell = recur.gru(H)
    params, xs = drawn(cell)
    with pytest.raises(ValueError, match="no path 'forget' in this cell: it has carry, update"):
        flow.scaled_adjoints(cell, params, xs, read_last, through=["forget"])


def altered(change):
    """An LSTM with a fault planted in its step."""
    whole = recur.lstm(H)

    def step(params, state, u):
        i, f, g, o = blocks(
            state.h @ params.w_h + u, "input", "forget", "candidate", "output"
        )
        c, keep = change(state.c, f)
        c = keep * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return recur.LSTMState(h, c), h

    return whole._replace(step=step)


def test_a_detached_carry_is_found():
    cell = altered(lambda c, f: (jax.lax.stop_gradient(c), jax.nn.sigmoid(f)))
    params, xs = drawn(cell)
    assert not flow.step_jacobians(cell, params, xs, through=["carry"]).any()
    assert not flow.gates(cell, params, xs).retention.c.any()
    assert flow.step_jacobians(recur.lstm(H), params, xs, through=["carry"]).any()


def test_a_gate_stuck_open_is_found():
    cell = altered(lambda c, f: (c, jnp.ones_like(f)))
    params, xs = drawn(cell)
    retention = flow.gates(cell, params, xs).retention.c
    np.testing.assert_array_equal(retention, 1)
    assert np.isinf(flow.retention_half_life(retention)).all()
    assert np.isinf(flow.time_constant(retention)).all()
    assert not flow.step_jacobians(cell, params, xs, through=["forget"]).any()


def test_jacobians_multiplied_in_the_wrong_order_are_found():
    cell = recur.lstm(H)
    params, xs = drawn(cell, scale=1.0)
    steps = np.asarray(flow.step_jacobians(cell, params, xs)[:, 0])
    right, wrong = np.eye(2 * H), np.eye(2 * H)
    for step in steps[:0:-1]:
        right, wrong = right @ step, step @ wrong
    found = flow.singular_values_by_lag(cell, params, xs)[-1, 0, 0]
    size = lambda product: np.log10(np.linalg.norm(product, ord=2))
    np.testing.assert_allclose(found, size(right), rtol=1e-9)
    assert abs(found - size(wrong)) > 1e-3
