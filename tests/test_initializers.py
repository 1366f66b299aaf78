"""Each initializer has the statistics that its docstring claims, block by block."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params

import recur
from recur import initializers
from recur.initializers import INITIALIZERS


ROWS, HIDDEN, BLOCKS = 40, 200, 3


def blocks_of(name):
    w = INITIALIZERS[name](jax.random.key(0), (ROWS, HIDDEN), BLOCKS)
    assert w.shape == (ROWS, BLOCKS * HIDDEN)
    return np.split(np.asarray(w), BLOCKS, axis=1)


def test_glorot_is_uniform_with_the_bound_of_one_block():
    bound = np.sqrt(6 / (ROWS + HIDDEN))
    for block in blocks_of("glorot"):
        assert np.abs(block).max() <= bound
        np.testing.assert_allclose(block.std(), bound / np.sqrt(3), rtol=0.02)


def test_lecun_has_variance_one_over_rows():
    for block in blocks_of("lecun"):
        np.testing.assert_allclose(block.std(), ROWS**-0.5, rtol=0.02)
        # Truncated at two standard deviations of the normal before truncation.
        assert np.abs(block).max() < 2.3 * ROWS**-0.5


def test_uniform_is_bounded_by_the_width():
    for block in blocks_of("uniform"):
        assert np.abs(block).max() <= HIDDEN**-0.5
        np.testing.assert_allclose(block.std(), (3 * HIDDEN) ** -0.5, rtol=0.02)


def test_identity_is_the_identity():
    for block in blocks_of("identity"):
        np.testing.assert_array_equal(block, np.eye(ROWS, HIDDEN))


def test_orthogonal_rows_in_each_block():
    for block in blocks_of("orthogonal"):
        np.testing.assert_allclose(block @ block.T, np.eye(ROWS), atol=1e-5)


def test_fused_orthogonal_has_orthogonal_rows_over_all_blocks_together():
    w = np.concatenate(blocks_of("fused_orthogonal"), axis=1)
    np.testing.assert_allclose(w @ w.T, np.eye(ROWS), atol=1e-5)


@pytest.mark.parametrize("name", sorted(set(INITIALIZERS) - {"identity"}))
def test_blocks_are_drawn_apart(name):
    first, second, third = blocks_of(name)
    assert (first != second).any() and (second != third).any()


def test_gate_biases_start_where_they_are_told():
    lstm = recur.lstm(7, forget_bias=2.5).init(jax.random.key(0), 3)
    np.testing.assert_array_equal(lstm.b, np.repeat([0, 2.5, 0, 0], 7))
    gru = recur.gru(7, keep_bias=1.5).init(jax.random.key(0), 3)
    np.testing.assert_array_equal(gru.b, np.repeat([-1.5, 0, 0], 7))


def option_of(name):
    """The option of a cell for its gate bias, or None."""
    options = inspect.signature(recur.CELLS[name]).parameters
    return next((o for o in ("forget_bias", "keep_bias") if o in options), None)


WITH_GATE_BIAS = [name for name in recur.CELLS if option_of(name)]


@pytest.mark.parametrize("name", WITH_GATE_BIAS)
def test_a_positive_gate_bias_keeps_the_state(name):
    """By what `flow.gates` finds of the leaf that is kept: c of an LSTM, h of a GRU."""
    make, option = recur.CELLS[name], option_of(name)
    xs = jax.random.normal(jax.random.key(1), (20, 3))

    @jax.jit
    def kept(params):
        leaves = jax.tree.leaves(recur.flow.gates(make(7), params, xs).retention)
        return jnp.max(jnp.array([leaf.mean() for leaf in leaves]))

    key = jax.random.key(0)
    less, zero, more = (
        kept(make(7, **{option: bias}).init(key, 3)) for bias in (-4.0, 0.0, 4.0)
    )
    assert less + 0.1 < zero < more - 0.1


@pytest.mark.parametrize("name", WITH_GATE_BIAS)
def test_biases_of_zero_have_no_sign(name):
    params = recur.CELLS[name](4, **{option_of(name): 0.0}).init(jax.random.key(0), 3)
    assert not params.b.any() and not jnp.signbit(params.b).any()


def test_chrono_refuses_a_memory_shorter_than_its_law():
    with pytest.raises(ValueError, match="must be >= 2 steps, got 1"):
        initializers.chrono(jax.random.key(0), 4, 1)


def factorised(jaxpr):
    """The shapes of all matrices that are factorised, in loops and calls too."""
    for eqn in jaxpr.eqns:
        if eqn.primitive.name in ("geqrf", "qr", "householder_product"):
            yield eqn.invars[0].aval.shape
        for inner in jaxprs_in_params(eqn.params):
            yield from factorised(inner)


@pytest.mark.parametrize("name", ["orthogonal", "fused_orthogonal"])
def test_no_two_matrices_are_factorised_at_once(name):
    """jaxlib would wait for the threads that other programs keep busy, perhaps for ever."""
    draw = lambda key: INITIALIZERS[name](key, (6, 6), BLOCKS)
    shapes = list(factorised(jax.make_jaxpr(draw)(jax.random.key(0)).jaxpr))
    assert shapes and all(len(shape) == 2 for shape in shapes)


def test_an_orthogonal_matrix_is_that_of_its_key():
    keys = jax.random.split(jax.random.key(7), BLOCKS)
    drawn = np.split(np.asarray(initializers.orthogonal(jax.random.key(7), (8, 8), 3)), 3, 1)
    for key, block in zip(keys, drawn, strict=True):
        np.testing.assert_array_equal(block, jax.nn.initializers.orthogonal()(key, (8, 8)))
