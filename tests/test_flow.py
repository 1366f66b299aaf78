"""Gradient flow against closed forms and against brute force."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import recur
from recur import flow
from tests.reference import CASES
from tests.test_cells import H, I, draw


pytestmark = pytest.mark.usefixtures("strict")

adjoints_of = jax.jit(flow.adjoints, static_argnums=(0, 3))
curve_of = jax.jit(flow.lag_curve, static_argnums=(0, 3))


def read_everywhere(states):
    """A loss that reads every leaf at every step, each entry with its own weight."""
    total = 0.0
    for leaf in jax.tree.leaves(states):
        weight = jnp.cos(jnp.arange(leaf.size, dtype=leaf.dtype)).reshape(leaf.shape)
        total = total + (weight * leaf + leaf**3 / 3).sum()
    return total


def read_last(states):
    """A loss that reads the output at the last step alone."""
    return jnp.square(jax.tree.leaves(states)[0][-1]).sum()


ONE_OF_EACH = {case.name: case for case in reversed(CASES.values())}
"""Each cell in its first dialect."""


@pytest.fixture(params=ONE_OF_EACH.values(), ids=ONE_OF_EACH.keys())
def case(request):
    return request.param


def flatten(state):
    return jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(state)])


@pytest.mark.usefixtures("x64")
def test_adjoints_are_the_explicit_product_of_step_jacobians(case):
    cell, params, xs = draw(case, batch=())
    value, states, adjoints = adjoints_of(cell, params, xs, read_everywhere)
    us = cell.project(params, xs)
    direct = jax.grad(read_everywhere)(states)
    _, unflatten = ravel_pytree(cell.initial_state(params, ()))

    @jax.jit
    def jacobian(state, u):
        return jax.jacfwd(lambda s: flatten(cell.step(params, unflatten(s), u)[0]))(state)

    np.testing.assert_allclose(value, read_everywhere(states))
    total = np.zeros(flatten(cell.initial_state(params, ())).size)
    for t in reversed(range(len(xs))):
        total = np.asarray(flatten(jax.tree.map(lambda d, t=t: d[t], direct))) + total
        found = flatten(jax.tree.map(lambda a, t=t: a[t], adjoints))
        np.testing.assert_allclose(found, total, rtol=1e-10, atol=1e-12)
        if t > 0:
            before = jax.tree.map(lambda s, t=t: s[t - 1], states)
            u = jax.tree.map(lambda u, t=t: u[t], us)
            total = np.asarray(jacobian(flatten(before), u)).T @ total


@jax.jit(static_argnums=0)
def through_probes(cell, params, xs):
    """The gradient with respect to zeros added to every state inside the scan."""
    first = cell.initial_state(params, xs.shape[1:-1])

    def value(probes):
        def step(state, inputs):
            u, probe = inputs
            state = jax.tree.map(jnp.add, cell.step(params, state, u)[0], probe)
            return state, state

        us = cell.project(params, xs)
        return read_everywhere(jax.lax.scan(step, first, (us, probes))[1])

    zeros = jax.tree.map(lambda s: jnp.zeros((len(xs), *s.shape), s.dtype), first)
    return jax.grad(value)(zeros)


def test_adjoints_are_what_probes_in_the_carry_feel(case):
    cell, params, xs = draw(case)
    _, _, adjoints = adjoints_of(cell, params, xs, read_everywhere)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6),
        adjoints,
        through_probes(cell, params, xs),
    )


def linear_rnn(rho, hidden=16):
    cell = recur.rnn(hidden, activation="identity")
    params = cell.init(jax.random.key(2), I)
    return cell, params._replace(w_h=rho * params.w_h)


@pytest.mark.parametrize("rho", [0.5, 0.97, 1.0, 1.1])
@pytest.mark.usefixtures("x64")
def test_a_linear_rnn_loses_ln_rho_a_step(rho):
    cell, params = linear_rnn(rho)
    xs = jax.random.normal(jax.random.key(1), (501, 3, I))
    curve = curve_of(cell, params, xs, lambda h: h[-1].sum())
    expected = curve[0] + np.arange(501) * np.log10(rho)
    np.testing.assert_allclose(curve, expected, atol=1e-6)
    np.testing.assert_allclose(flow.slope(curve), np.log(rho), atol=1e-9)


def test_neither_underflow_nor_overflow_in_float32():
    xs = jax.random.normal(jax.random.key(1), (10_001, 2, I))
    for rho in (0.3, 1.0, 3.0):
        cell, params = linear_rnn(rho)
        # The states of rho = 3 do overflow: zero inputs, and a loss that is linear.
        curve = curve_of(cell, params, 0 * xs, lambda h: h[-1].sum())
        expected = curve[0] + 10_000 * np.log10(rho)
        np.testing.assert_allclose(curve[-1], expected, rtol=2e-4)


def test_a_loss_below_the_range_of_float32_has_its_adjoints(case):
    """Smaller by 2^-100, and -100 is where the whole difference goes."""
    cell, params, xs = draw(case)
    scaled_of = jax.jit(flow.scaled_adjoints, static_argnums=(0, 3))
    _, _, one = scaled_of(cell, params, xs, read_everywhere)
    _, _, tiny = scaled_of(cell, params, xs, lambda s: 2.0**-100 * read_everywhere(s))
    shift = np.asarray(tiny.exponent + 100 - one.exponent)[..., None]
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, np.ldexp(b, shift), rtol=1e-4, atol=1e-6),
        one.mantissa,
        tiny.mantissa,
    )


@pytest.mark.parametrize("forget_bias", [-1.0, 0.0, 3.0])
@pytest.mark.usefixtures("x64")
def test_an_lstm_without_weights_keeps_sigma_of_its_forget_bias(forget_bias):
    cell = recur.lstm(H, forget_bias=forget_bias)
    params = cell.init(jax.random.key(0), I)
    params = params._replace(w_h=0 * params.w_h, w_x=0 * params.w_x)
    xs = jax.random.normal(jax.random.key(1), (400, 2, I))
    _, _, adjoints = adjoints_of(cell, params, xs, lambda s: s.c[-1].sum())
    lag = np.arange(400)[::-1]
    expected = (1 / (1 + np.exp(-forget_bias))) ** lag
    np.testing.assert_allclose(adjoints.c[:, 0, 0], expected, rtol=1e-9)


@pytest.mark.parametrize("make", [recur.lstm, recur.gru])
@pytest.mark.usefixtures("x64")
def test_chrono_gives_each_unit_its_own_time_constant(make):
    """1 / (1 - factor) = 1 + u with u uniform on [1, T - 1]."""
    cell = make(500, chrono_steps=50)
    params = cell.init(jax.random.key(4), 1)
    params = params._replace(w_h=0 * params.w_h, w_x=0 * params.w_x)
    _, _, adjoints = adjoints_of(
        cell, params, jnp.ones((2, 1)), lambda s: jax.tree.leaves(s)[-1][-1].sum()
    )
    factor = np.asarray(jax.tree.leaves(adjoints)[-1])[0]
    constants = np.sort(1 / (1 - factor))
    assert 2 <= constants[0] and constants[-1] <= 50
    uniform = 2 + 48 * (np.arange(500) + 0.5) / 500
    # Kolmogorov and Smirnov: 1.95 / sqrt(n) is exceeded once in a thousand draws.
    assert np.abs(constants - uniform).max() / 48 < 1.95 / np.sqrt(500)


def test_chrono_writes_what_it_does_not_keep():
    b = recur.lstm(64, chrono_steps=30).init(jax.random.key(0), 1).b
    i, f, g, o = jnp.split(b, 4)
    np.testing.assert_array_equal(i, -f)
    assert (f > 0).all()
    np.testing.assert_array_equal(jnp.concatenate([g, o]), 0)


def test_the_given_state_is_the_one_before_the_first_step(case):
    cell, params, xs = draw(case)
    middle, _ = recur.unroll(cell, params, xs[:5])
    _, states, adjoints = adjoints_of(cell, params, xs, read_last)
    _, late_states, late = adjoints_of(cell, params, xs[5:], read_last, middle)
    for whole, part in ((states, late_states), (adjoints, late)):
        jax.tree.map(
            lambda w, p: np.testing.assert_allclose(w[5:], p, rtol=1e-5, atol=1e-7),
            whole,
            part,
        )


def test_exactly_zero_gradient_is_minus_infinity():
    cell = recur.lstm(H)
    params = cell.init(jax.random.key(0), I)
    xs = jax.random.normal(jax.random.key(1), (7, 2, I))
    curve = curve_of(cell, params, xs, lambda s: s.h[-1].sum())
    assert curve.c[0] == -jnp.inf
    assert jnp.isfinite(curve.c[1:]).all() and jnp.isfinite(curve.h).all()
    assert jnp.isfinite(flow.slope(curve.c))


def test_slope_and_half_life_of_a_known_curve():
    curve = jnp.array([-jnp.inf, 2.0, 1.5, 1.0, 0.5])
    slope = flow.slope(curve)
    np.testing.assert_allclose(slope, -0.5 * np.log(10), rtol=1e-6)
    np.testing.assert_allclose(flow.half_life(slope), np.log10(2) / 0.5, rtol=1e-6)
    assert flow.half_life(jnp.array(0.1)) == jnp.inf


def test_a_loss_must_be_scalar():
    cell, params = linear_rnn(1.0)
    with pytest.raises(ValueError, match=r"must be a scalar, got .*\(9, 16\)"):
        flow.adjoints(cell, params, jnp.ones((9, I)), lambda h: h)


def test_it_can_be_jitted_and_mapped_over_seeds():
    cell = recur.gru(H)
    xs = jax.random.normal(jax.random.key(1), (6, 2, I))

    def curve(key):
        return flow.lag_curve(cell, cell.init(key, I), xs, read_last)

    keys = jax.random.split(jax.random.key(0), 3)
    together = jax.jit(jax.vmap(curve))(keys)
    np.testing.assert_allclose(together[1], curve(keys[1]), rtol=1e-4, atol=1e-5)


def test_a_half_life_is_that_of_the_slope_or_endless_or_none():
    lives = flow.half_life(jnp.array([-np.log(2) / 7, 0.0, 0.1, jnp.nan]))
    np.testing.assert_allclose(lives, [7, np.inf, np.inf, np.nan], rtol=1e-6)


def test_slopes_of_numpy_are_numpy_and_those_of_jax_are_equal():
    random = np.random.default_rng(0)
    curves = random.normal(size=(5, 7)).astype(np.float32).cumsum(-1)
    curves[1, :2] = curves[2, 1:] = curves[3] = -np.inf
    found = flow.slope(curves)
    assert isinstance(found, np.ndarray) and np.isnan(found[2:4]).all()
    np.testing.assert_allclose(found, flow.slope(jnp.asarray(curves)), rtol=1e-5)
    tried = np.array([-0.5, 0.0, 0.25, np.nan, *found])
    lives = flow.half_life(tried)
    assert isinstance(lives, np.ndarray)
    np.testing.assert_allclose(lives, flow.half_life(jnp.asarray(tried)), rtol=1e-5)
    lag = np.arange(7)
    fitted = np.polyfit(lag, curves[0], 1)[0] * np.log(10)
    np.testing.assert_allclose(found[0], fitted, rtol=1e-6)
