"""The loop itself: what it accepts, padding and borders, and that it is injected."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur


def loop(step, state, us, *, reverse=False):
    """`jax.lax.scan` as a plain Python loop."""
    order = range(len(us))[:: -1 if reverse else 1]
    ys = {}
    for t in order:
        state, ys[t] = step(state, us[t])
    return state, jnp.stack([ys[t] for t in range(len(us))])


@pytest.mark.parametrize("reverse", [False, True])
def test_any_loop_with_the_signature_of_scan_will_do(reverse):
    cell = recur.gru(5)
    params = cell.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (6, 2, 3))
    plain = recur.unroll(cell, params, xs, reverse=reverse)
    ours = recur.unroll(cell, params, xs, reverse=reverse, engine=loop)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), plain, ours)


@pytest.mark.parametrize("batch", [(), (1,), (2, 3)])
def test_no_steps_leave_the_state_as_it_was(batch):
    cell = recur.lstm(5)
    params = cell.init(jax.random.key(0), 3)
    given = jax.tree.map(lambda x: x + 0.5, cell.initial_state(params, batch))
    state, ys = recur.unroll(cell, params, jnp.zeros((0, *batch, 3)), given)
    assert ys.shape == (0, *batch, 5)
    jax.tree.map(np.testing.assert_array_equal, state, given)


def test_a_cell_is_found_however_its_arguments_are_written():
    assert recur.lstm(4) is recur.lstm(hidden=4) is recur.lstm(4, forget_bias=1.0)
    assert recur.lstm(4) is not recur.lstm(4, forget_bias=2.0)


T, I, B = 7, 3, 4
LENGTHS = np.array([7, 4, 1, 0])
RESETS = np.zeros((T, B), bool)
RESETS[[3, 2, 3, 5], [0, 1, 1, 0]] = True


def draw(make, *, seed=0):
    """A cell, its parameters, `xs [T, B, I]` and a state, nothing zero."""
    cell = make(5)
    keys = jax.random.split(jax.random.key(seed), 3)
    params = cell.init(keys[0], I)
    state = jax.tree.map(
        lambda x: 0.5 * jax.random.normal(keys[1], x.shape), cell.initial_state(params, (B,))
    )
    return cell, params, jax.random.normal(keys[2], (T, B, I)), state


def close(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=2e-5, atol=2e-6), a, b)


@pytest.fixture(params=["rnn", "lstm", "gru", "lru"])
def drawn(request):
    return draw(recur.CELLS[request.param])


@pytest.mark.parametrize("reverse", [False, True])
def test_a_padded_sequence_is_the_short_one(drawn, reverse):
    cell, params, xs, state = drawn
    ends, ys = recur.unroll(cell, params, xs, state, lengths=LENGTHS, reverse=reverse)
    for b, length in enumerate(LENGTHS):
        one = jax.tree.map(lambda s, b=b: s[b], state)
        end, y = recur.unroll(cell, params, xs[:length, b], one, reverse=reverse)
        close((jax.tree.map(lambda s, b=b: s[b], ends), ys[:length, b]), (end, y))
        assert not ys[length:, b].any()


@pytest.mark.parametrize("reverse", [False, True])
def test_padding_has_no_influence_and_no_gradient_not_even_a_nan(drawn, reverse):
    cell, params, xs, state = drawn
    padding = jnp.arange(T)[:, None, None] >= LENGTHS[:, None]

    def loss(params, xs, state):
        ends, ys = recur.unroll(cell, params, xs, state, lengths=LENGTHS, reverse=reverse)
        return sum(jnp.sin(x).sum() for x in jax.tree.leaves((ends, ys)))

    run = jax.value_and_grad(loss, argnums=(0, 1, 2))
    value, grads = run(params, xs, state)
    same, poisoned = run(params, jnp.where(padding, jnp.nan, xs), state)
    jax.tree.map(np.testing.assert_array_equal, (value, grads), (same, poisoned))
    assert (np.asarray(grads[1])[np.broadcast_to(padding, xs.shape)] == 0).all()
    assert (np.asarray(grads[1])[~np.broadcast_to(padding, xs.shape)] != 0).all()


def segments(b, length=T):
    """The steps of each segment of sequence `b`."""
    cuts = [0, *np.flatnonzero(RESETS[:length, b]), length]
    return [slice(i, j) for i, j in zip(cuts, cuts[1:], strict=False) if j > i]


@pytest.mark.parametrize("reverse", [False, True])
def test_a_packed_sequence_is_its_segments_one_by_one(drawn, reverse):
    cell, params, xs, _ = drawn
    _, ys = recur.unroll(cell, params, xs, resets=RESETS, reverse=reverse)
    for b in range(B):
        alone = [
            recur.unroll(cell, params, xs[steps, b], reverse=reverse)[1]
            for steps in segments(b)
        ]
        close(ys[:, b], jnp.concatenate(alone))


@pytest.mark.parametrize("reverse", [False, True])
def test_no_gradient_crosses_a_reset_and_some_reaches_its_own_step(drawn, reverse):
    cell, params, xs, _ = drawn
    jacobian = jax.jacrev(
        lambda xs: recur.unroll(cell, params, xs, resets=RESETS, reverse=reverse)[1]
    )(xs)
    size = np.abs(jacobian).sum((2, 5))  # [T, B of y, T, B of x]
    for b in range(B):
        number = np.cumsum(RESETS[:, b])
        same = number[:, None] == number
        order = np.tri(T, dtype=bool)
        reaches = same & (order.T if reverse else order)
        assert (size[:, b, :, b][reaches] > 0).all()
        assert (size[:, b, :, b][~reaches] == 0).all()


def test_a_reset_at_the_first_step_puts_the_given_state_aside(drawn):
    cell, params, xs, state = drawn
    resets = np.zeros((T, B), bool)
    resets[0] = True
    fresh = recur.unroll(cell, params, xs)
    close(recur.unroll(cell, params, xs, state, resets=resets), fresh)
    with pytest.raises(AssertionError):
        close(recur.unroll(cell, params, xs, state), fresh)


def test_flags_are_data_one_compilation_serves_all(drawn):
    cell, params, xs, state = drawn
    traced = []

    @jax.jit
    def run(lengths, resets):
        traced.append(1)
        return recur.unroll(cell, params, xs, state, lengths=lengths, resets=resets)

    for lengths in (LENGTHS, LENGTHS[::-1]):
        plain = recur.unroll(cell, params, xs, state, lengths=lengths, resets=RESETS)
        close(run(lengths, RESETS), plain)
    assert len(traced) == 1


def test_tbptt_is_the_loop_over_chunks(drawn):
    cell, params, _, state = drawn
    stream = jax.random.normal(jax.random.key(5), (12, B, I))

    def update(params, state, chunk):
        def loss(params):
            end, ys = recur.unroll(cell, params, chunk, state)
            return jnp.square(ys).sum(), end

        (value, end), grads = jax.value_and_grad(loss, has_aux=True)(params)
        return jax.tree.map(lambda p, g: p - 0.01 * g, params, grads), end, value

    together = recur.tbptt(update, params, state, stream, 4)
    losses = []
    for chunk in stream.reshape(3, 4, B, I):
        params, state, value = update(params, state, chunk)
        losses.append(value)
    close(together, (params, state, jnp.stack(losses)))


def test_tbptt_lets_no_gradient_through_from_chunk_to_chunk(drawn):
    cell, params, _, state = drawn

    def last(stream):
        def update(carry, state, chunk):
            state, ys = recur.unroll(cell, params, chunk, state)
            return carry, state, ys

        return recur.tbptt(update, None, state, stream, 4)[2][-1].sum()

    grads = jax.grad(last)(jax.random.normal(jax.random.key(5), (12, B, I)))
    assert (grads[:8] == 0).all()
    assert (grads[8:] != 0).all()


def test_tbptt_refuses_a_length_that_does_not_divide():
    with pytest.raises(ValueError, match="divide the 12 steps .* got 5; cut the stream to 10"):
        recur.tbptt(lambda c, s, x: (c, s, x), 0, 0, jnp.zeros((12, 2)), 5)


CELL = recur.lstm(5)
PARAMS = CELL.init(jax.random.key(0), I)
STATE = CELL.initial_state(PARAMS, (B,))
XS = jnp.ones((T, B, I))


@pytest.mark.parametrize(
    ("kind", "message", "keywords"),
    [
        (ValueError, r"xs must be \[T, \*B, I\], time first; got \(3,\)", {"xs": XS[0, 0]}),
        (ValueError, r"lstm: xs must be \[T, \*B, 3\].*got \(7, 4, 2\)", {"xs": XS[..., :2]}),
        (ValueError, r"lengths must be 0 to 7.*got 1 to 8", {"lengths": [1, 2, 3, 8]}),
        (ValueError, r"lengths must be 0 to 7.*got -1 to 3", {"lengths": [1, 2, 3, -1]}),
        (ValueError, r"lengths must be \[\*B\] = \(4,\), got \(3,\)", {"lengths": [1, 2, 3]}),
        (TypeError, "lengths must be integers, got float", {"lengths": [1.0, 2, 3, 4]}),
        (ValueError, r"resets must be \[T, \*B\] = \(7, 4\)", {"resets": RESETS.T}),
        (TypeError, "resets must be bool, got int", {"resets": RESETS.astype(int)}),
        (
            ValueError,
            r"state has shape \(2, 5\), but .* need \(4, 5\); does it belong to another batch",
            {"state": CELL.initial_state(PARAMS, (2,))},
        ),
        (TypeError, "state must be a .*LSTMState.* got", {"state": STATE.h}),
        (
            TypeError,
            "state is bfloat16, but params need float32",
            {"state": jax.tree.map(lambda x: x.astype(jnp.bfloat16), STATE)},
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(kind, message, keywords):
    with pytest.raises(kind, match=message) as refusal:
        recur.unroll(CELL, PARAMS, **{"xs": XS, **keywords})
    assert "\n" not in str(refusal.value)
