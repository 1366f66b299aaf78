"""Depth and direction, over padded and packed sequences, against plain loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from tests.reference import classic


T, I, B = 8, 3, 3
LENGTHS = np.array([8, 5, 2])
RESETS = np.zeros((T, B), bool)
RESETS[[3, 2, 4, 1], [0, 1, 1, 2]] = True


def to_numpy(tree):
    return jax.tree.map(lambda x: np.asarray(x, np.float64), tree)


def randomize(tree, seed=1):
    """Every entry random, biases too."""
    leaves, structure = jax.tree.flatten(tree)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    drawn = [0.4 * jax.random.normal(k, x.shape) for k, x in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(structure, drawn)


def by_hand(params, xs):
    """Two bidirectional LSTM layers over packed, padded sequences, in NumPy."""
    out = np.zeros((T, B, 2 * 4))
    for b, length in enumerate(LENGTHS):
        cuts = [0, *np.flatnonzero(RESETS[:length, b]), length]
        for start, stop in zip(cuts, cuts[1:], strict=False):
            ys = xs[start:stop, b]
            for forward, backward in params:
                there = classic.lstm(forward, ys)
                back = classic.lstm(backward, ys[::-1])[::-1]
                ys = np.concatenate([there, back], axis=-1)
            out[start:stop, b] = ys
    return out


@pytest.mark.usefixtures("x64")
def test_two_bidirectional_layers_over_packed_padded_sequences_equal_a_numpy_loop():
    layer = recur.stack([recur.bidirectional(recur.lstm(4), recur.lstm(4))] * 2)
    params = randomize(layer.init(jax.random.key(0), I))
    xs = jax.random.normal(jax.random.key(1), (T, B, I))
    _, ys = jax.jit(layer.apply)(params, xs, lengths=LENGTHS, resets=RESETS)
    np.testing.assert_allclose(ys, by_hand(to_numpy(params), to_numpy(xs)), atol=1e-12)


def test_depth_has_no_gradient_past_an_end_nor_across_a_reset():
    layer = recur.stack([recur.bidirectional(recur.gru(4), recur.gru(4))] * 2)
    params = layer.init(jax.random.key(0), I)
    xs = jax.random.normal(jax.random.key(1), (T, B, I))
    jacobian = jax.jacrev(
        lambda xs: layer.apply(params, xs, lengths=LENGTHS, resets=RESETS)[1]
    )(xs)
    size = np.abs(jacobian).sum((2, 5))
    for b, length in enumerate(LENGTHS):
        number = np.where(np.arange(T) < length, np.cumsum(RESETS[:, b]), -1)
        reaches = (number[:, None] == number) & (number >= 0)
        assert (size[:, b, :, b][reaches] > 0).all()
        assert (size[:, b, :, b][~reaches] == 0).all()


def test_the_states_of_both_directions_go_in_and_come_out():
    cells = recur.lstm(4), recur.gru(3)
    layer = recur.bidirectional(*cells)
    params = randomize(layer.init(jax.random.key(0), I))
    xs = jax.random.normal(jax.random.key(1), (T, B, I))
    given = randomize([c.initial_state(p, (B,)) for c, p in zip(cells, params, strict=True)])
    (ahead, back), ys = layer.apply(params, xs, given)
    there = recur.unroll(cells[0], params[0], xs, given[0])
    here = recur.unroll(cells[1], params[1], xs, given[1], reverse=True)
    both = (there[0], here[0]), jnp.concatenate([there[1], here[1]], axis=-1)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), ((ahead, back), ys), both
    )


def test_the_states_of_a_stack_go_in_and_come_out():
    layer = recur.stack([recur.lstm(4), recur.rnn(5)])
    params = randomize(layer.init(jax.random.key(0), I))
    xs = jax.random.normal(jax.random.key(1), (T, B, I))
    whole = layer.apply(params, xs)
    state, first = layer.apply(params, xs[:3])
    state, second = layer.apply(params, xs[3:], state)
    halves = state, jnp.concatenate([first, second])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), whole, halves)


def test_residual_adds_the_layer_below_but_not_the_input():
    cells = recur.lstm(4), recur.gru(4), recur.rnn(4)
    layer = recur.stack(cells, residual=True)
    params = randomize(layer.init(jax.random.key(0), I))
    xs = jax.random.normal(jax.random.key(1), (T, B, I))
    first = recur.unroll(cells[0], params[0], xs)[1]
    second = first + recur.unroll(cells[1], params[1], first)[1]
    third = second + recur.unroll(cells[2], params[2], second)[1]
    np.testing.assert_allclose(layer.apply(params, xs)[1], third, rtol=1e-5)


def test_layers_nest_and_widths_follow():
    both = recur.bidirectional(recur.projected_lstm(4, projection=2), recur.gru(3))
    layer = recur.stack([recur.stack([recur.rnn(6), both]), recur.one_way(recur.gru(2))])
    params = layer.init(jax.random.key(0), I)
    assert params[0][1][0].w_x.shape == (6, 16)
    assert params[1].w_x.shape == (5, 6)
    assert layer.apply(params, jnp.ones((T, B, I)))[1].shape == (T, B, 2)


STACK = recur.stack([recur.lstm(4), recur.gru(4)])
BOTH = recur.bidirectional(recur.lstm(4), recur.lstm(4))
XS = jnp.ones((T, B, I))
KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("kind", "message", "call"),
    [
        (ValueError, "stack: needs at least one", lambda: recur.stack([])),
        (
            TypeError,
            "stack: params must be a tuple of 2.* got tuple of 1",
            lambda: STACK.apply(STACK.init(KEY, 3)[:1], XS),
        ),
        (
            TypeError,
            "bidirectional: state must be a tuple of 2.* got int",
            lambda: BOTH.apply(BOTH.init(KEY, 3), XS, 3),
        ),
        (
            ValueError,
            "residual layer 1 has width 5 and its input 4",
            lambda: recur.stack([recur.rnn(4), recur.rnn(5)], residual=True).init(KEY, 3),
        ),
    ],
)
def test_what_does_not_fit_is_refused(kind, message, call):
    with pytest.raises(kind, match=message):
        call()
