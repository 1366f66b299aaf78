"""Flow against theory: mean field, bounds, Lyapunov exponents, precision, attribution."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur import flow
from tests.test_flow import linear_rnn, read_last
from tests.test_flow_paths import drawn, leaky


MEAN_FIELD = {
    (0.81, 0, 0): (0, 0.81, -0.1054),
    (2.25, 0, 0): (0.793354, 1.139323, 0.0652),
    (4.0, 0, 0): (2.121474, 1.362673, 0.1547),
    (1.5, 0, 0.05): (0.418037, 0.938636, -0.0317),
    (1.0, 1.0, 0): (1.46385, 0.39888, -0.4595),
    (1.0, 0.01, 0): (0.07778, 0.87624, -0.0661),
    (2.0, 1.0, 0): (2.0484, 0.69181, -0.1842),
    (4.0, 1.0, 0): (3.44807, 1.09631, 0.0460),
}


@pytest.mark.parametrize(("variances", "expected"), MEAN_FIELD.items())
def test_the_fixed_point_of_mean_field(variances, expected):
    np.testing.assert_allclose(flow.mean_field(*variances), expected, atol=5e-5)


def noise(hidden, inputs, scale=1.0):
    """A tanh network with entries of N(0, 1/H), and white inputs."""
    cell = recur.rnn(hidden, bias=False)
    keys = jax.random.split(jax.random.key(4), 3)
    w_h = jax.random.normal(keys[0], (hidden, hidden)) * hidden**-0.5
    w_x = jax.random.normal(keys[1], (inputs, hidden)) * inputs**-0.5
    xs = scale * jax.random.normal(keys[2], (120, 4, inputs))
    return cell, cell.init(keys[0], inputs)._replace(w_h=w_h, w_x=w_x), xs


@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_a_wide_network_loses_what_mean_field_says(scale):
    cell, params, xs = noise(512, 512, scale)
    curve = flow.lag_curve(cell, params, xs, read_last)
    expected = flow.mean_field(1.0, scale**2).slope
    np.testing.assert_allclose(flow.slope(curve), expected, rtol=0.04)


def test_no_product_exceeds_the_bound():
    cell, params, xs = noise(16, 8)
    bound = float(flow.norm_bound(params.w_h))
    lags = np.arange(len(xs))[:, None]
    found = flow.singular_values_by_lag(cell, params, xs)[..., 0]
    assert (found <= lags * bound / math.log(10) + 1e-5).all()
    # With a linear activation and an orthogonal matrix it is reached.
    linear, scaled = linear_rnn(0.9)
    xs = jax.random.normal(jax.random.key(1), (2000, 4))
    found = flow.singular_values_by_lag(linear, scaled, xs, 16)
    np.testing.assert_allclose(found[-1], 1999 * math.log10(0.9), rtol=1e-5)
    np.testing.assert_allclose(flow.norm_bound(scaled.w_h), math.log(0.9), rtol=1e-5)
    np.testing.assert_allclose(flow.norm_bound(scaled.w_h, 0.25), math.log(0.225), rtol=1e-5)


@pytest.mark.usefixtures("x64")
def test_gate_laws():
    np.testing.assert_allclose(flow.gate_slope(1.0), math.log(0.7310585786300049))
    lags = np.array([0, 1, 10, 100])
    curve = flow.gate_curve(jnp.full(5, 2.0), lags)
    np.testing.assert_allclose(10.0**curve, [1, 0.880797, 0.28103, 3.073e-6], rtol=2e-4)
    biases = recur.initializers.chrono(jax.random.key(0), 200_000, 50)
    drawn_curve = flow.gate_curve(biases, lags)
    np.testing.assert_allclose(flow.chrono_curve(50, lags), drawn_curve, atol=2e-3)


@pytest.mark.usefixtures("x64")
def test_the_exponents_of_a_linear_network_are_its_eigenvalues():
    cell = recur.rnn(6, activation="identity", bias=False)
    params, _ = drawn(cell)
    symmetric = params.w_h + params.w_h.T
    found = flow.lyapunov(
        cell, params._replace(w_h=symmetric), jnp.zeros((4000, 3)), transient=500
    )
    expected = np.sort(np.log(np.abs(np.linalg.eigvalsh(symmetric))))[::-1]
    np.testing.assert_allclose(found.exponents, expected, atol=2e-3)
    assert np.isnan(found.running[:500]).all() and np.isfinite(found.running[500:]).all()
    np.testing.assert_array_equal(found.running[-1], found.exponents)


def test_the_exponent_of_a_silent_random_network():
    # Published: ln of the spectral radius below g = 1, 0.15 to 0.16 at g = 2 and N = 400.
    cell = recur.rnn(400, bias=False)
    w = jax.random.normal(jax.random.key(0), (400, 400)) / 20
    params = cell.init(jax.random.key(1), 1)._replace(w_h=w)
    xs = jnp.zeros((1000, 1, 1))
    start = jax.random.normal(jax.random.key(2), (1, 400))
    exponent = jax.jit(
        lambda g, s: flow.lyapunov(
            cell, params._replace(w_h=g * w), xs, 1, state=s, transient=300
        ).exponents[0, 0]
    )
    radius = np.abs(np.linalg.eigvals(0.9 * np.asarray(w))).max()
    np.testing.assert_allclose(exponent(0.9, start), np.log(radius), atol=4e-3)
    assert 0.13 < exponent(2.0, start) < 0.17
    np.testing.assert_allclose(flow.spectral_radius(0.9 * w), radius, rtol=1e-4)


@pytest.mark.usefixtures("x64")
def test_flossing_has_the_gradient_of_finite_differences():
    cell = recur.lstm(4)
    params, xs = drawn(cell)

    @jax.jit
    def floss(params):
        return jnp.square(flow.lyapunov(cell, params, xs, 3).exponents).sum()

    along = jax.tree.map(lambda p: jnp.cos(jnp.arange(p.size)).reshape(p.shape), params)
    moved = lambda step: jax.tree.map(lambda p, d: p + step * d, params, along)
    expected = (floss(moved(1e-5)) - floss(moved(-1e-5))) / 2e-5
    gradient = jax.grad(floss)(params)
    found = sum(jnp.vdot(g, d) for g, d in zip(gradient, along, strict=True))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_refusals_of_lyapunov_window_and_truncation():
    cell = recur.rnn(4)
    params, xs = drawn(cell)
    with pytest.raises(ValueError, match="count must be 1 to 4, the size of the state; got 5"):
        flow.lyapunov(cell, params, xs, 5)
    with pytest.raises(ValueError, match="transient must be 0 to 8, got 9"):
        flow.lyapunov(cell, params, xs, transient=9)
    with pytest.raises(ValueError, match="window must be 1 to 9, the length of xs; got 10"):
        flow.window_singular_values(cell, params, xs, 10)
    with pytest.raises(ValueError, match="lengths must be 1 to 9, the length of xs; got 12"):
        flow.truncation(cell, params, xs, read_last, [3, 12])
    with pytest.raises(ValueError, match="the loss must be a scalar"):
        flow.truncation(cell, params, xs, lambda states: states[-1], [3])
    with pytest.raises(ValueError, match="the loss must be a scalar"):
        flow.contributions(cell, params, xs, lambda states: states[-1])


def test_a_loss_of_the_last_step_is_truncated_to_its_length():
    cell = leaky(0.5, False)
    params, xs = drawn(cell)
    found = flow.truncation(cell, params, xs, read_last, [3, 9])
    run = flow.adjoint.trajectory
    gradient = jax.grad(lambda p, xs, s: read_last(run(cell, p, xs, s).states))
    middle = flow.adjoint.trajectory(cell, params, xs).states[-4]
    sizes = [
        math.sqrt(sum(float(jnp.square(g).sum()) for g in jax.tree.leaves(grads)))
        for grads in (
            gradient(params, xs[-3:], middle),
            gradient(params, xs, cell.initial_state(params, (2,))),
        )
    ]
    np.testing.assert_allclose(found.ratio, [sizes[0] / sizes[1], 1], rtol=1e-5)
    np.testing.assert_allclose(found.cosine[1], 1, rtol=1e-6)


def test_each_precision_is_accurate_until_it_underflows():
    cell, params = linear_rnn(0.5)
    xs = jax.random.normal(jax.random.key(1), (1300, 2, 4))
    found = flow.in_dtypes(cell, params, xs, read_last)
    # 2^-k leaves the normal numbers near k = 126 in float32, and 1,022 in float64.
    assert 120 <= found["float32"].accurate_up_to <= 152
    assert 1015 <= found["float64"].accurate_up_to <= 1078
    # bfloat16 has the exponents of float32, and a hundredth of its precision.
    assert 100 <= found["bfloat16"].accurate_up_to <= found["float32"].accurate_up_to
    assert not found["float64"].error[:1000].any()
    assert 1e-9 < found["float32"].error[50] < 1e-4 < found["bfloat16"].error[5]
    assert np.isneginf(found["float32"].curves[200])


def test_attribution_is_the_jacobian_and_sees_no_future():
    cell = recur.gru(4)
    params, xs = drawn(cell)
    predict = lambda xs: recur.unroll(cell, params, xs)[1][:, 0]
    found = flow.attribution(predict, xs[:, 0], at_once=2)
    dense = jax.jacrev(predict)(xs[:, 0])
    np.testing.assert_allclose(found.norm, jnp.linalg.norm(dense, axis=-1), rtol=1e-5)
    np.testing.assert_allclose(
        found.product, jnp.einsum("nti,ti->nt", dense, xs[:, 0]), atol=1e-6
    )
    later = np.triu(np.ones((9, 9), bool), 1)
    assert not found.norm[later].any() and (found.norm[~later] > 0).all()
    with pytest.raises(ValueError, match=r"predict must return \[N\]"):
        flow.attribution(lambda xs: xs, xs[:, 0])


def test_the_mean_of_a_gate_by_symbol():
    values = np.random.default_rng(0).uniform(size=(7, 3, 4))
    symbols = np.random.default_rng(1).integers(0, 3, (7, 3))
    means, often = flow.by_symbol(jnp.asarray(values), jnp.asarray(symbols), 5)
    for symbol in range(3):
        chosen = values[symbols == symbol]
        np.testing.assert_allclose(means[symbol], chosen.mean(0), rtol=1e-5)
        assert often[symbol] == len(chosen)
    assert np.isnan(means[3:]).all() and not often[3:].any()


def test_saturation_and_horizons():
    values = jnp.array([[[0.05, 0.5]], [[0.95, 0.95]], [[0.2, 0.99]], [[0.02, 0.3]]])
    closed, opened = flow.saturation(values)
    np.testing.assert_allclose(closed, [0.5, 0])
    np.testing.assert_allclose(opened, [0.25, 0.5])
    kept = jnp.full((3, 2, 2), jnp.array([0.5, 0.952574]))
    np.testing.assert_allclose(flow.retention_half_life(kept), [1, 14.27], rtol=1e-3)
    np.testing.assert_allclose(flow.time_constant(kept[0, 0]), [2, 21.09], rtol=1e-3)
    assert not flow.retention_half_life(jnp.zeros((3, 2))).any()
