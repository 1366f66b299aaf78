"""The loop itself: what it accepts, and that it is injected."""

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
    ours = recur.unroll(cell, params, xs, reverse=reverse, scan=loop)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), plain, ours)


@pytest.mark.parametrize("batch", [(), (1,), (2, 3)])
def test_no_steps_leave_the_state_as_it_was(batch):
    cell = recur.lstm(5)
    params = cell.init(jax.random.key(0), 3)
    given = jax.tree.map(lambda x: x + 0.5, cell.initial_state(params, batch))
    state, ys = recur.unroll(cell, params, jnp.zeros((0, *batch, 3)), given)
    assert ys.shape == (0, *batch, 5)
    jax.tree.map(np.testing.assert_array_equal, state, given)


def test_inputs_need_a_time_axis():
    cell = recur.rnn(5)
    params = cell.init(jax.random.key(0), 3)
    with pytest.raises(ValueError, match=r"xs must be \[T, \*B, I\], time first; got \(3,\)"):
        recur.unroll(cell, params, jnp.zeros(3))


def test_a_cell_is_found_however_its_arguments_are_written():
    assert recur.lstm(4) is recur.lstm(hidden=4) is recur.lstm(4, forget_bias=1.0)
    assert recur.lstm(4) is not recur.lstm(4, forget_bias=2.0)
