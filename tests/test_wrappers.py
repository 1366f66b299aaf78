"""A learned start and a way around; masks and resets are in test_unroll."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur


T, I, B, H = 9, 3, 4, 16


def draw(cell):
    params = cell.init(jax.random.key(0), I)
    return params, jax.random.normal(jax.random.key(1), (T, B, I))


def test_a_learned_start_is_the_initial_state_and_gets_its_gradient():
    inner = recur.lstm(H)
    cell = recur.learned_state(inner)
    params, xs = draw(cell)
    plain = recur.unroll(inner, params.inner, xs)
    jax.tree.map(np.testing.assert_array_equal, recur.unroll(cell, params, xs), plain)

    def ours(start):
        return recur.unroll(cell, params._replace(start=start), xs)[1].sum()

    def theirs(start):
        state = jax.tree.map(lambda leaf: jnp.tile(leaf, (B, 1)), start)
        return recur.unroll(inner, params.inner, xs, state)[1].sum()

    start = jax.tree.map(lambda x: x + 0.3, params.start)
    ours, theirs = jax.grad(ours)(start), jax.grad(theirs)(start)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4), ours, theirs)


def test_a_reset_returns_to_the_learned_start():
    cell = recur.learned_state(recur.gru(H))
    params, xs = draw(cell)
    params = params._replace(start=params.start + 0.7)
    resets = np.zeros((T, B), bool)
    resets[5] = True
    packed = recur.unroll(cell, params, xs, resets=resets)[1]
    alone = recur.unroll(cell, params, xs[5:])[1]
    # Two programs round apart; a state near zero shows it relative to the gates' own size.
    np.testing.assert_allclose(packed[5:], alone, rtol=1e-5, atol=1e-6)


def test_residual_adds_the_input_to_the_output_not_to_the_state():
    inner = recur.gru(I)
    cell = recur.residual(inner)
    params, xs = draw(cell)
    state, ys = recur.unroll(inner, params, xs)
    ours, sums = recur.unroll(cell, params, xs, lengths=np.array([T] * B))
    np.testing.assert_allclose(ours, state, rtol=1e-5)
    np.testing.assert_allclose(sums, ys + xs, rtol=1e-5)
    wide = recur.residual(recur.gru(H))
    with pytest.raises(ValueError, match="as wide as the input"):
        recur.unroll(wide, *draw(wide))
