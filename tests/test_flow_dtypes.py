"""How far back an adjoint can be believed, where rounding has a closed form."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur import flow
from tests.test_flow import read_everywhere
from tests.test_flow_depth import drawn


pytestmark = pytest.mark.usefixtures("strict")


def one_unit(weight, steps):
    """h_t = w h_{t-1} + x_t: the adjoint of the last state is w^k. Inputs are zero."""
    cell = recur.rnn(1, activation="identity", bias=False)
    params, xs = drawn(cell, 1, (steps,))
    return cell, params._replace(w_h=jnp.full((1, 1), weight)), 0 * xs


def read_last(states):
    return states[-1].sum()


def test_powers_of_two_are_exact_until_they_underflow():
    cell, params, xs = one_unit(0.5, 1200)
    found = flow.in_dtypes(cell, params, xs, read_last)
    assert list(found) == ["float64", "float32", "bfloat16"]
    # 2^-k is a normal number up to the first, and no number at all from the second.
    for name, normal, none in (
        ("float64", 1022, 1075),
        ("float32", 126, 150),
        ("bfloat16", 126, 134),
    ):
        curve, error, until = found[name]
        assert not error[: normal + 1].any()
        assert normal <= until < none
        expected = -np.arange(normal + 1) * math.log10(2)
        np.testing.assert_allclose(curve[: normal + 1], expected, rtol=1e-6, atol=1e-7)
        # All of it is lost where nothing is left.
        assert np.isneginf(curve[none:]).all() and (error[none:] == 1).all()


def test_what_overflows_is_not_true():
    cell, params, xs = one_unit(2.0, 1200)
    found = flow.in_dtypes(cell, params, xs, read_last)
    for name, largest in (("float64", 1023), ("float32", 127), ("bfloat16", 127)):
        assert found[name].accurate_up_to == largest
        assert not found[name].error[: largest + 1].any()
        assert np.isinf(found[name].error[largest + 1 :]).all()


def test_what_has_underflowed_once_does_not_come_back():
    """h_t = u_t h_{t-1}, where u is 2 for 200 steps and then 1/2: the true adjoint grows
    again, and that of training in float32 is lost."""

    def step(params, h, u):
        del params
        return h * u, h * u

    cell = recur.rnn(1)._replace(step=step, project=lambda params, xs: (params, xs)[1])
    xs = jnp.where(jnp.arange(400) < 200, 2.0, 0.5)[:, None]
    found = flow.in_dtypes(cell, recur.rnn(1).init(jax.random.key(0), 1), xs, read_last)
    assert found["float64"].accurate_up_to == 399
    for name in ("float32", "bfloat16"):
        assert 126 <= found[name].accurate_up_to < 150
        assert (found[name].error[150:] == 1).all()


@pytest.mark.parametrize(("tolerance", "until"), [(0.2, 114), (0.01, 5), (1e-3, 0)])
def test_a_weight_that_rounds_to_one(tolerance, until):
    """1 + 2^-9 is 1 in bfloat16: its adjoint stays, and the true one grows as its powers."""
    weight = 1 + 2.0**-9
    cell, params, xs = one_unit(weight, 200)
    arguments = cell, params, xs, read_last
    found = flow.in_dtypes(*arguments, (jnp.bfloat16, jnp.float32), tolerance=tolerance)
    assert list(found) == ["bfloat16", "float32"]
    lost = 1 - weight ** -np.arange(200.0)
    np.testing.assert_allclose(found["bfloat16"].error, lost, rtol=1e-6, atol=1e-12)
    assert found["bfloat16"].accurate_up_to == until
    assert lost[until] <= tolerance < lost[until + 1]
    assert found["float32"].accurate_up_to == 199
    assert 0 < found["float32"].error.max() < 1e-4


def test_parameters_inputs_and_states_are_rounded_too():
    cell = recur.gru(4)
    params, xs = drawn(cell)
    start = jnp.asarray(np.random.default_rng(4).normal(size=(2, 4)))
    found = flow.in_dtypes(cell, params, xs, read_everywhere, state=start)
    assert (found["float64"].error < 1e-14).all()
    assert (found["float32"].error < 1e-5).all() and (found["float32"].error > 1e-9).any()
    assert (found["bfloat16"].error > 10 * found["float32"].error).all()
    # What is in float64 is what the library has in float64.
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda x: jnp.asarray(np.asarray(x, float)), (params, xs, start))
        expected = flow.lag_curve(cell, *wide[:2], read_everywhere, wide[2])
    np.testing.assert_allclose(found["float64"].curves, expected, rtol=1e-12, atol=1e-14)


def test_an_adjoint_of_exactly_zero_is_true():
    """Past the last step that the loss reads, and for an element that it does not read."""
    cell = recur.gru(4)
    params, xs = drawn(cell)
    read_early = lambda states: jnp.square(states[4, 0]).sum()
    for name, (curve, error, until) in flow.in_dtypes(cell, params, xs, read_early).items():
        assert until == len(xs) - 1
        assert not error[:3].any() and np.isneginf(curve).all()
        assert (error[3:] > 1e-14).all() == (name != "float64")


def test_flags_beside_the_inputs_are_not_rounded():
    cell = recur.resettable(recur.gru(4))
    params, xs = drawn(recur.gru(4))
    resets = jnp.zeros(xs.shape[:-1], bool).at[3].set(True)
    found = flow.in_dtypes(cell, params, (xs, resets), lambda h: h[-1].sum())
    for curve, error, until in found.values():
        assert until == len(xs) - 1
        # Nothing crosses the border, which acts before the fourth input.
        assert np.isneginf(curve[-3:]).all() and np.isfinite(curve[:-3]).all()
        assert not error[-3:].any()
