"""Randomness that is off at rest, on with a key, and one mask where it says so."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import recur


T, I, B, H = 9, 3, 4, 16
KEY = jax.random.key(7)

NOISY = {
    "input_dropout": lambda cell: recur.input_dropout(cell, 0.5),
    "state_dropout": lambda cell: recur.state_dropout(cell, 0.5),
    "drop_connect": lambda cell: recur.drop_connect(cell, 0.5),
    "zoneout": lambda cell: recur.zoneout(cell, 0.3, 0.6),
}


def draw(cell, inputs=I):
    params = cell.init(jax.random.key(0), inputs)
    return params, jax.random.normal(jax.random.key(1), (T, B, inputs))


@pytest.fixture(params=NOISY.values(), ids=NOISY.keys())
def noisy(request):
    return request.param


def test_a_key_makes_a_difference_another_key_another_and_none_makes_none(noisy):
    cell = noisy(recur.lstm(H))
    params, xs = draw(cell)
    keys = [None, KEY, KEY, jax.random.key(8)]
    off, on, same, other = (
        recur.unroll(cell, recur.with_key(params, key), xs)[1] for key in keys
    )
    np.testing.assert_array_equal(off, recur.unroll(cell, params, xs)[1])
    np.testing.assert_array_equal(on, same)
    assert (on != off).any() and (on != other).any()


@pytest.mark.parametrize("name", ["input_dropout", "state_dropout", "drop_connect"])
def test_at_rest_the_cell_is_the_one_within(name):
    inner = recur.lstm(H)
    cell = NOISY[name](inner)
    params, xs = draw(cell)
    plain = recur.unroll(inner, params.inner, xs)
    jax.tree.map(np.testing.assert_array_equal, recur.unroll(cell, params, xs), plain)


def test_no_key_is_a_parameter_so_it_trains_with_any_optimizer(noisy):
    cell = noisy(recur.lstm(H))
    params, xs = draw(cell)
    assert all(jnp.issubdtype(p.dtype, jnp.floating) for p in jax.tree.leaves(params))

    @jax.jit
    def loss(params, key):
        ys = recur.unroll(cell, recur.with_key(params, key), xs)[1]
        return jnp.square(ys - 0.3).mean()

    optimizer = optax.adam(1e-2)
    state, before = optimizer.init(params), loss(params, None)
    for key in jax.random.split(KEY, 20):
        updates, state = optimizer.update(jax.grad(loss)(params, key), state)
        params = optax.apply_updates(params, updates)
    assert loss(params, None) < before


def test_every_noise_in_a_tree_has_a_key_of_its_own():
    cell = recur.state_dropout(recur.input_dropout(recur.lstm(H), 0.5), 0.5)
    params = recur.stack([cell, cell]).init(jax.random.key(0), I)
    filled = recur.with_key(params, KEY)
    noises = [layer.noise.key for layer in filled] + [p.inner.noise.key for p in filled]
    assert len({tuple(jax.random.key_data(key).tolist()) for key in noises}) == 4
    assert jax.tree.structure(recur.with_key(filled, None)) == jax.tree.structure(params)


def linear(w_h=1.0, w_x=1.0):
    """h_t = W_h h_{t-1} + W_x x_t with diagonal weights, so that masks can be read."""
    cell = recur.rnn(H, activation="identity", bias=False)
    return cell, recur.RNNParams(w_h * jnp.eye(H), w_x * jnp.eye(H), None)


def test_input_dropout_drops_the_same_inputs_at_all_steps():
    inner, weights = linear(w_h=0.0)
    cell = recur.input_dropout(inner, 0.25)
    params = recur.with_key(recur.NoisyParams(weights), KEY)
    xs = jax.random.normal(jax.random.key(1), (T, B, H))
    kept = recur.unroll(cell, params, xs)[1] / xs
    np.testing.assert_allclose(kept, jnp.broadcast_to(kept[0], kept.shape), rtol=1e-5)
    np.testing.assert_allclose(np.unique(np.round(kept, 4)), [0, 1.3333], rtol=1e-4)
    assert 0.1 < (kept[0] == 0).mean() < 0.4
    assert (kept[0, 0] != kept[0, 1]).any()


def test_state_dropout_drops_the_same_units_at_all_steps():
    inner, weights = linear(w_h=0.5)
    cell = recur.state_dropout(inner, 0.25)
    params = recur.with_key(recur.NoisyParams(weights), KEY)
    xs = jax.random.normal(jax.random.key(1), (T, B, H))
    ys = recur.unroll(cell, params, xs)[1]
    kept = (ys[1:] - xs[1:]) / ys[:-1] / 0.5
    np.testing.assert_allclose(kept, jnp.broadcast_to(kept[0], kept.shape), atol=1e-3)
    np.testing.assert_allclose(np.unique(np.round(kept[0], 2)), [0, 1.33], rtol=1e-4)
    assert 0.1 < (abs(kept[0]) < 0.5).mean() < 0.4


def test_state_dropout_spares_the_memory_beside_the_output():
    inner = recur.lstm(H)
    cell = recur.state_dropout(inner, 0.9)
    params, xs = draw(cell)
    weights = params.inner._replace(w_h=0 * params.inner.w_h)
    plain = recur.unroll(inner, weights, xs)
    noisy = recur.unroll(cell, recur.with_key(recur.NoisyParams(weights), KEY), xs)
    jax.tree.map(np.testing.assert_array_equal, plain, noisy)


def test_drop_connect_drops_the_same_weights_at_all_steps():
    cell = recur.drop_connect(recur.rnn(H, activation="identity"), 0.25)
    params, xs = draw(cell)
    on = recur.with_key(params, KEY)
    us = cell.project(on, xs)
    h = jnp.ones(H)
    jacobians = [jax.jacobian(lambda h, u=u: cell.step(on, h, u)[1])(h) for u in us[:3, 0]]
    ratio = jacobians[0].T / params.inner.w_h
    np.testing.assert_allclose(np.unique(np.round(ratio, 4)), [0, 1.3333], rtol=1e-4)
    assert 0.15 < (ratio == 0).mean() < 0.35
    for other in jacobians[1:]:
        np.testing.assert_array_equal(other, jacobians[0])


def test_drop_connect_names_the_fields_there_are():
    cell = recur.drop_connect(recur.mingru(H), 0.5)
    params, xs = draw(cell)
    with pytest.raises(ValueError, match="leaf must be one of w_x, b, .* got 'w_h'"):
        recur.unroll(cell, params, xs)


def test_zoneout_keeps_a_share_of_units_anew_at_every_step():
    inner = recur.lstm(64)
    cell = recur.zoneout(inner, 0.3, 0.6)
    params, xs = draw(cell)
    on = recur.with_key(params, KEY)
    state, us = cell.initial_state(on, (B,)), cell.project(on, xs)
    masks = []
    for u in us:
        old, (state, y) = state.inner, cell.step(on, state, u)
        fresh, _ = inner.step(params.inner, old, u)
        for leaf in "hc":
            new, a, b = (getattr(s, leaf) for s in (state.inner, old, fresh))
            assert ((new == a) | (new == b)).all()
        np.testing.assert_array_equal(y, state.inner.h)
        masks.append([state.inner.h == old.h, state.inner.c == old.c])
    share = np.mean(np.array(masks), axis=(0, 2, 3))
    np.testing.assert_allclose(share, [0.3, 0.6], atol=0.03)
    assert all((a[0] != b[0]).any() for a, b in zip(masks, masks[1:], strict=False))
    assert (masks[0][0][0] != masks[0][0][1]).any()


def test_zoneout_in_evaluation_is_its_expectation():
    cell = recur.zoneout(recur.lstm(H), 0.3, 0.6)
    params, xs = draw(cell)
    start = jax.tree.map(lambda x: x + 0.5, cell.initial_state(params, (B,)))
    u = cell.project(params, xs)[0]

    def one(key):
        on = recur.with_key(params, key)
        keyed = cell.initial_state(on, (B,))._replace(inner=start.inner)
        return cell.step(on, keyed, u)[0].inner

    mean = jax.tree.map(lambda x: x.mean(0), jax.vmap(one)(jax.random.split(KEY, 4000)))
    expected = cell.step(params, start, u)[0].inner
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=0.03), mean, expected)


def test_zoneout_runs_padded_packed_chunked_and_jitted():
    cell = recur.zoneout(recur.gru(H), 0.3)
    params, xs = draw(cell)
    on = recur.with_key(params, KEY)
    resets = np.zeros((T, B), bool)
    resets[4, 1] = True

    def run(scan):
        lengths = jnp.array([9, 5, 0, 2])
        return recur.unroll(cell, on, xs, lengths=lengths, resets=resets, engine=scan)[1]

    plain = jax.jit(run, static_argnums=0)(jax.lax.scan)
    other = run(recur.engines.checkpointed)
    np.testing.assert_allclose(plain, other, rtol=1e-5, atol=1e-6)
    assert not plain[:, 2].any() and plain[8, 0].any()


def test_zoneout_says_where_keys_come_from():
    cell = recur.zoneout(recur.gru(H), 0.3)
    params, xs = draw(cell)
    with pytest.raises(TypeError, match="state must be"):
        state = cell.initial_state(params, (B,))
        recur.unroll(cell, recur.with_key(params, KEY), xs, state)
    wrong = recur.learned_state(cell)
    params, xs = draw(wrong)
    with pytest.raises(ValueError, match="wrap learned_state in zoneout"):
        recur.unroll(wrong, recur.with_key(params, KEY), xs)


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
@pytest.mark.parametrize("name", NOISY)
def test_a_rate_is_a_probability_below_one(name, rate):
    with pytest.raises(ValueError, match=rf"{name}: rate must be in \[0, 1\)"):
        getattr(recur, name)(recur.lstm(H), rate)
