"""Jacobians of a step and of many, where the singular values are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur import flow
from recur.flow.jacobian import EXACT
from tests.test_flow_depth import drawn


pytestmark = pytest.mark.usefixtures("strict")

singular_of = jax.jit(flow.singular_values_by_lag, static_argnums=(0, 3))
window_of = jax.jit(flow.window_singular_values, static_argnums=(0, 3, 4, 6, 7))


def linear(w_h, shape):
    """h_t = W_h h_{t-1} + W_x x_t."""
    cell = recur.rnn(len(w_h), activation="identity", bias=False)
    params, xs = drawn(cell, shape=shape)
    return cell, params._replace(w_h=jnp.asarray(w_h)), xs


def turn(width, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(width, width)))[0]


@pytest.mark.usefixtures("x64")
def test_rows_are_after_and_columns_before():
    cell, params, xs = linear(np.random.default_rng(0).normal(size=(5, 5)), (7, 2, 3))
    found = flow.step_jacobians(cell, params, xs)
    assert found.shape == (7, 2, 3, 5, 5)
    expected = np.broadcast_to(np.asarray(params.w_h).T, found.shape)
    np.testing.assert_array_equal(found, expected)
    radius = np.abs(np.linalg.eigvals(params.w_h)).max()
    np.testing.assert_allclose(flow.spectral_radius(found), np.full((7, 2, 3), radius))


def test_the_spectral_radius_is_no_norm():
    shear = jnp.array([[0.5, 100.0], [0.0, -0.9]])
    rotation = jnp.array([[0.0, -0.7], [0.7, 0.0]])
    found = flow.spectral_radius(jnp.stack([shear, rotation]))
    np.testing.assert_allclose(found, [0.9, 0.7], rtol=1e-5)


@pytest.mark.parametrize("rho", [0.3, 1.0, 3.0])
def test_ten_thousand_lags_in_float32(rho):
    """Of rho Q all singular values are rho, and rho^k of its k-th power."""
    # The states of rho = 3 do overflow: zero inputs.
    cell, params, xs = linear(rho * turn(4), (10_001, 1))
    found = singular_of(cell, params, 0 * xs, 4)
    expected = np.arange(10_001)[:, None, None] * np.log10(rho)
    assert found.shape == (10_001, 1, 4)
    np.testing.assert_allclose(found, expected + 0 * found, rtol=2e-4, atol=2e-2)
    window = window_of(cell, params, 0 * xs, 10_000, 4)
    np.testing.assert_allclose(window, found[-1], rtol=1e-4, atol=2e-2)


def symmetric(width):
    """A matrix, and its singular values, each three quarters of the one before."""
    values = 0.75 ** np.arange(width)
    axes = turn(width, 1)
    return (axes * values) @ axes.T, values


def test_a_wide_state_needs_no_matrix():
    width, window = EXACT + 88, 5
    w_h, values = symmetric(width)
    cell, params, xs = linear(w_h, (8, 1))
    expected = window * np.log10(values[:3])
    found = window_of(cell, params, xs, window, 3)
    assert found.shape == (1, 3)
    np.testing.assert_allclose(found, [expected], atol=1e-4)

    def shapes(exact):
        call = lambda p: flow.window_singular_values(cell, p, xs, window, 3, exact=exact)
        return str(jax.make_jaxpr(call)(params))

    # A product of all would be there, one for each element of the batch, and is not.
    whole = f"f32[1,{width},{width}]"
    assert whole in shapes(True) and whole not in shapes(None) and whole not in shapes(False)


@pytest.mark.usefixtures("x64")
def test_the_window_is_the_last_steps_and_the_first_reaches_the_initial_state():
    cell = recur.gru(4)
    params, xs = drawn(cell)
    state = jnp.asarray(np.random.default_rng(3).normal(size=(2, 4)))
    steps = np.asarray(flow.step_jacobians(cell, params, xs, state))
    by_lag = np.asarray(singular_of(cell, params, xs, 4, state))
    product = np.broadcast_to(np.eye(4), (2, 4, 4))
    for window in range(1, len(xs) + 1):
        product = product @ steps[-window]
        expected = np.log10(np.linalg.svd(product, compute_uv=False))
        if window in (1, len(xs)):
            exact = window_of(cell, params, xs, window, 4, state)
            np.testing.assert_allclose(exact, expected, rtol=1e-7)
        if window < len(xs):
            np.testing.assert_allclose(by_lag[window], expected, rtol=1e-7, atol=1e-12)


@pytest.mark.usefixtures("x64")
def test_as_many_as_are_asked_for_and_no_more_than_there_are():
    w_h, values = symmetric(6)
    cell, params, xs = linear(w_h, (5, 1))
    for exact in (True, False):
        for count in (1, 2, 9):
            found = np.asarray(window_of(cell, params, xs, 4, count, None, exact, 60))
            np.testing.assert_allclose(10.0 ** found[0], values[:count] ** 4, rtol=1e-7)


def test_where_nothing_comes_through_there_is_minus_infinity():
    cell = recur.rnn(4, activation="relu")
    params, xs = drawn(cell)
    # All units are silent at the last step but two, and at no other.
    params = params._replace(w_x=0 * params.w_x - 1, b=0 * params.b + 99, w_h=params.w_h / 9)
    xs = xs.at[-3].set(1e3)
    found = singular_of(cell, params, xs, 2)
    assert np.isfinite(found[:3]).all() and np.isneginf(found[3:]).all()
    assert np.isfinite(window_of(cell, params, xs, 2, 2)).all()
    assert np.isneginf(window_of(cell, params, xs, 3, 2)).all()


def test_a_window_longer_than_the_sequence_is_refused():
    cell, params, xs = linear(turn(4), (8, 1))
    for window in (0, 9):
        with pytest.raises(ValueError, match=f"window must be 1 to 8, .* got {window}"):
            flow.window_singular_values(cell, params, xs, window)
