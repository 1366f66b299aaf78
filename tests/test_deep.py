"""Cells on top of each other: one cell, with the values of the layers."""

import jax
import numpy as np
import pytest

import recur
from recur import flow
from recur.testing import check_cell


H, I, T, B = 5, 3, 7, 2


def parts():
    return recur.lstm(H), recur.gru(H + 1), recur.rnn(H)


def test_it_has_the_values_of_the_stack():
    cell, layers = recur.deep(parts()), recur.stack(parts())
    params = cell.init(jax.random.key(0), I)
    jax.tree.map(np.testing.assert_array_equal, params, layers.init(jax.random.key(0), I))
    xs = jax.random.normal(jax.random.key(1), (T, B, I))
    state, ys = recur.unroll(cell, params, xs)
    below, expected = layers.apply(params, xs)
    np.testing.assert_allclose(ys, expected, rtol=1e-5, atol=1e-6)
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    jax.tree.map(close, state[::-1], below)
    np.testing.assert_array_equal(jax.tree.leaves(state)[0], ys[-1])


def test_it_is_a_cell():
    check_cell(recur.deep((recur.rnn(H), recur.rnn(H + 1))), input_size=I)


def test_one_cell_is_itself_and_none_is_refused():
    cell = recur.lstm(H)
    assert recur.deep([cell]) is cell
    assert recur.deep(parts()) is recur.deep(list(parts()))
    with pytest.raises(ValueError, match="at least one cell"):
        recur.deep([])


def test_the_adjoints_of_the_last_layer_are_those_of_the_stack():
    cells = recur.lstm(H), recur.rnn(H)
    cell = recur.deep(cells)
    params = cell.init(jax.random.key(0), I)
    xs = jax.random.normal(jax.random.key(1), (T, B, I))
    top = lambda states: (states[0] ** 2).sum()
    _, _, adjoints = flow.adjoints(cell, params, xs, top)
    last = lambda states: (states[-1] ** 2).sum()
    total = flow.stack_parts(cells, params, xs, last)[2][-1].total
    expected = total.mantissa * 2.0 ** np.asarray(total.exponent)[..., None]
    np.testing.assert_allclose(adjoints[0], expected, rtol=1e-4, atol=1e-6)


def test_the_adjoints_of_all_layers_are_what_probes_in_the_state_feel():
    """Against the product of the Jacobians of the joint state, written out."""
    cell = recur.deep((recur.lstm(H), recur.rnn(H)))
    params = cell.init(jax.random.key(0), I)
    xs = jax.random.normal(jax.random.key(1), (T, B, I))
    us = cell.project(params, xs)
    _, states, adjoints = flow.adjoints(
        cell, params, xs, lambda states: (states[0][-1] ** 2).sum()
    )
    after = jax.tree.map(lambda leaf: leaf[2], states)

    def rest(state):
        for t in range(3, T):
            state, _ = cell.step(params, state, us[t])
        return (state[0] ** 2).sum()

    close = lambda a, b: np.testing.assert_allclose(a[2], b, rtol=1e-4, atol=1e-6)
    jax.tree.map(close, adjoints, jax.grad(rest)(after))
