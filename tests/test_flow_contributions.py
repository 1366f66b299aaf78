"""What each step adds to the gradient of the parameters, in closed form and far back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur import flow
from tests.test_flow import read_everywhere, read_last
from tests.test_flow_depth import drawn


pytestmark = pytest.mark.usefixtures("strict")

H = 4

contributions_of = jax.jit(flow.contributions, static_argnums=(0, 3))


def read_weighted(states):
    weight = jnp.arange(1, H + 1, dtype=states.dtype)
    return states[-1] @ weight


def in_numpy(params, xs, rho):
    """What meets the adjoint in a linear network, and log10 norms of the adjoint by step."""
    before = np.zeros((len(xs) + 1, H))
    w_h, w_x, b = (np.asarray(p, float) for p in (params.w_h, params.w_x, params.b))
    for t, x in enumerate(np.asarray(xs, float)):
        before[t + 1] = before[t] @ w_h + x @ w_x + b
    lag = np.arange(len(xs))[::-1]
    return before[:-1], np.log10(np.linalg.norm(np.arange(1, H + 1))) + lag * np.log10(rho)


def linear(rho, steps, scale):
    """h_t = rho Q h_{t-1} + V x_t + b, so that dL/dh_t is rho^k as long as the last."""
    cell = recur.rnn(H, activation="identity")
    params, xs = drawn(cell, shape=(steps,))
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(H, H)))[0]
    return cell, params._replace(w_h=rho * jnp.asarray(turn), b=scale * params.b), scale * xs


def test_a_linear_network_in_closed_form_over_thousands_of_steps():
    """Each is an outer product: its norm is that of the adjoint times that of what it met."""
    cell, params, xs = linear(0.3, 3000, 1.0)
    found = contributions_of(cell, params, xs, read_weighted)
    before, adjoint = in_numpy(params, xs, 0.3)
    size = lambda rows: np.log10(np.linalg.norm(rows, axis=-1))
    assert adjoint[0] < -1500
    tolerance = {"rtol": 1e-4, "atol": 1e-4}
    np.testing.assert_allclose(found.log10_norm.b, adjoint, **tolerance)
    np.testing.assert_allclose(found.log10_norm.w_x, adjoint + size(xs), **tolerance)
    # Nothing is multiplied by w_h at the first step, where the state is zero.
    assert np.isneginf(found.log10_norm.w_h[0]) and found.cosine.w_h[0] == 0
    expected = adjoint[1:] + size(before[1:])
    np.testing.assert_allclose(found.log10_norm.w_h[1:], expected, **tolerance)
    for cosine in found.cosine:
        assert np.isfinite(cosine).all() and np.abs(cosine).max() < 1 + 1e-6


def test_neither_gradient_nor_norm_overflows_where_the_adjoint_does():
    cell, params, xs = linear(3.0, 3000, 0.0)
    found = contributions_of(cell, params, xs, read_weighted)
    _, adjoint = in_numpy(params, xs, 3.0)
    np.testing.assert_allclose(found.log10_norm.b, adjoint, rtol=1e-4, atol=1e-4)
    assert adjoint[0] > 1400
    assert np.isfinite(found.cosine.b).all()
    # A geometric series: all other steps together are at most half of the first.
    assert found.cosine.b[0] > 0.75**0.5


def test_what_is_too_small_to_be_squared_has_its_norm_and_its_angle():
    cell, params, xs = linear(0.3, 50, 1.0)
    one = contributions_of(cell, params, xs, read_weighted)
    tiny = contributions_of(cell, params, 2.0**-90 * xs, read_weighted)
    moved = np.asarray(one.log10_norm.w_x) - 90 * np.log10(2)
    np.testing.assert_allclose(tiny.log10_norm.w_x, moved, rtol=1e-6)
    np.testing.assert_allclose(tiny.cosine.w_x, one.cosine.w_x, atol=1e-6)


@pytest.mark.usefixtures("x64")
def test_the_parts_along_the_sum_add_up_to_its_length():
    """sum_t |g_t| cos_t = |g|, and g is what `jax.grad` has."""
    cell = recur.lstm(H)
    params, xs = drawn(cell, shape=(30, 2))
    found = contributions_of(cell, params, xs, read_everywhere)
    run = lambda params: flow.adjoint.trajectory(cell, params, xs).states
    expected = jax.jit(jax.grad(lambda params: read_everywhere(run(params))))(params)
    for whole, gradient, norms, cosines in zip(
        expected, found.gradient, found.log10_norm, found.cosine, strict=True
    ):
        np.testing.assert_allclose(gradient, whole, rtol=1e-9, atol=1e-12)
        along = (10.0 ** np.asarray(norms) * np.asarray(cosines)).sum()
        np.testing.assert_allclose(along, np.linalg.norm(whole), rtol=1e-10)


@pytest.mark.usefixtures("x64")
def test_the_given_state_is_the_one_before_the_first_step():
    cell = recur.gru(H)
    params, xs = drawn(cell)
    whole = contributions_of(cell, params, xs, read_last)
    _, ys = recur.unroll(cell, params, xs)
    late = contributions_of(cell, params, xs[3:], read_last, ys[2])
    for all_steps, last_steps in zip(whole.log10_norm, late.log10_norm, strict=True):
        if all_steps is not None:
            np.testing.assert_allclose(last_steps, np.asarray(all_steps)[3:], rtol=1e-9)


def test_steps_after_the_last_that_is_read_add_nothing():
    cell = recur.gru(H)
    params, xs = drawn(cell)
    found = contributions_of(cell, params, xs, lambda h: jnp.square(h[4]).sum())
    for norms, cosines in zip(found.log10_norm[:3], found.cosine[:3], strict=True):
        assert np.isfinite(norms[1:5]).all() and np.isneginf(norms[5:]).all()
        assert np.all(np.asarray(cosines[1:5]) != 0) and not np.any(cosines[5:])


def test_a_loss_of_nothing_has_a_gradient_of_zero():
    cell = recur.rnn(H)
    params, xs = drawn(cell)
    found = contributions_of(cell, params, xs, lambda h: 0 * h.sum())
    assert not any(np.any(leaf) for leaf in (*found.gradient, *found.cosine))
    assert all(np.isneginf(norms).all() for norms in found.log10_norm)


@pytest.mark.usefixtures("x64")
def test_a_learned_initial_state_is_no_steps():
    cell = recur.learned_state(recur.gru(H))
    params, xs = drawn(cell)
    found = contributions_of(cell, params, xs, read_last)
    run = lambda params: flow.adjoint.trajectory(cell, params, xs).states
    expected = jax.jit(jax.grad(lambda params: read_last(run(params))))(params)
    inner = zip(
        jax.tree.leaves(found.gradient.inner), jax.tree.leaves(expected.inner), strict=True
    )
    for one, other in inner:
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-13)
    assert np.all(expected.start) and not np.any(found.gradient.start)
    assert np.isneginf(found.log10_norm.start).all()
