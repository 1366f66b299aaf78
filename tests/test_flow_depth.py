"""Adjoints of every layer of a stack, against probes and over thousands of steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur import flow
from tests.test_flow import read_everywhere


pytestmark = pytest.mark.usefixtures("strict")

I, T, B = 3, 8, 2

STACKS = {
    "rnn_lstm_gru": (recur.rnn(5), recur.lstm(4), recur.gru(3)),
    "lru_projected_lstm": (recur.lru(4), recur.projected_lstm(5, projection=3)),
}

SMALL = recur.rnn(5), recur.gru(4)


def drawn(cell, width=I, shape=(T, B), scale=0.6, seed=0):
    """Every parameter of a cell random, and inputs `[*shape, width]`."""
    rng = np.random.default_rng(seed)
    normal = lambda shape: jnp.asarray(rng.normal(size=shape))
    shapes = jax.eval_shape(lambda: cell.init(jax.random.key(0), width))
    params = jax.tree.map(lambda s: scale * normal(s.shape), shapes)
    return params, normal((*shape, width))


def drawn_stack(cells):
    """Layers that are all of different widths."""
    params, width = [], I
    for layer, cell in enumerate(cells):
        params.append(drawn(cell, width, seed=layer)[0])
        state = jax.eval_shape(lambda cell=cell: cell.initial_state(params[-1], ()))
        width = jax.tree.leaves(state)[0].size
    return tuple(params), drawn(cells[0])[1]


def plain(parts):
    """The parts of one layer as plain numbers, gates left out."""
    scaled = lambda node: isinstance(node, flow.ScaledAdjoints)
    return jax.tree.map(flow.unscale, parts._replace(gates={}), is_leaf=scaled)


@jax.jit(static_argnums=(0, 3))
def parts_of(cells, params, xs, loss, states=None):
    """What the library finds, and what the loss reads of every state."""
    value, states, parts = flow.stack_parts(cells, params, xs, loss, states)
    return value, states, tuple(map(plain, parts)), jax.grad(loss)(states)


@jax.jit(static_argnums=(0, 3))
def totals_of(cells, params, xs, loss, states=None):
    """The states, the adjoints of every layer, and that of the inputs."""
    _, states, parts = flow.stack_parts(cells, params, xs, loss, states)
    return states, [flow.unscale(p.total) for p in parts], flow.unscale(parts[0].inputs)


def read_bottom(states):
    return read_everywhere(states[:1])


def read_late(states):
    return read_everywhere(jax.tree.map(lambda s: s[-3:], states))


@jax.jit(static_argnums=0)
def through_probes(cells, params, xs):
    """The gradients by zeros added to every state, which the layer above reads too, and by
    the inputs: all layers of a step before the next step."""
    first = [cell.initial_state(p, (B,)) for cell, p in zip(cells, params, strict=True)]

    def value(probes, xs):
        def step(states, now):
            y, probes = now
            after = []
            for cell, weights, state, probe in zip(cells, params, states, probes, strict=True):
                u = jax.tree.map(lambda u: u[0], cell.project(weights, y[None]))
                after.append(jax.tree.map(jnp.add, cell.step(weights, state, u)[0], probe))
                y = jax.tree.leaves(after[-1])[0]
            return after, after

        return read_everywhere(tuple(jax.lax.scan(step, first, (xs, probes))[1]))

    zeros = jax.tree.map(lambda s: jnp.zeros((len(xs), *s.shape), s.dtype), first)
    return jax.value_and_grad(value, argnums=(0, 1))(zeros, xs)


def close(found, expected):
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        scale = np.abs(other).max()
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12 * scale)


def add(*trees):
    return jax.tree.map(lambda *leaves: sum(map(np.asarray, leaves)), *trees)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("cells", STACKS.values(), ids=STACKS.keys())
def test_every_layer_is_what_probes_in_its_state_feel(cells):
    params, xs = drawn_stack(cells)
    value, _, parts, by_loss = parts_of(cells, params, xs, read_everywhere)
    expected, (by_state, by_input) = through_probes(cells, params, xs)
    np.testing.assert_allclose(value, expected)
    close([part.total for part in parts], by_state)
    close(parts[0].inputs, by_input)
    for part in parts:
        close(part.total, add(part.direct, part.recurrent))
        close(part.recurrent, add(*part.paths.values()))
    # What is direct is what the loss reads, and what the layer above takes in.
    close(parts[-1].direct, by_loss[-1])
    for below, above, read in zip(parts[:-1], parts[1:], by_loss[:-1], strict=True):
        h, *others = jax.tree.leaves(below.direct)
        read_h, *read_others = jax.tree.leaves(read)
        close([h, *others], [add(read_h, above.inputs), *read_others])


@pytest.mark.usefixtures("x64")
def test_a_stack_of_one_layer_is_that_layer():
    cells = SMALL[1:]
    params, xs = drawn_stack(cells)

    @jax.jit
    def alone(params, xs):
        _, states, parts = flow.parts(cells[0], params, xs, read_everywhere)
        return (states,), [flow.unscale(parts.total)], flow.unscale(parts.inputs)

    close(totals_of(cells, params, xs, read_everywhere), alone(params[0], xs))


@pytest.mark.usefixtures("x64")
def test_the_given_states_are_those_before_the_first_step():
    params, xs = drawn_stack(SMALL)
    whole = totals_of(SMALL, params, xs, read_late)
    middle = jax.tree.map(lambda s: np.asarray(s)[2], whole[0])
    late = totals_of(SMALL, params, xs[3:], read_late, middle)
    close(late, jax.tree.map(lambda leaf: np.asarray(leaf)[3:], whole))


def test_a_loss_that_reads_a_lower_layer_leaves_those_above_untouched():
    params, xs = drawn_stack(SMALL)
    _, (low, high), _ = totals_of(SMALL, params, xs, read_bottom)
    assert not np.any(high) and np.all(low)


@pytest.mark.parametrize("rho", [0.3, 1.0, 3.0])
def test_depth_multiplies_the_powers_of_a_linear_stack_by_their_number(rho):
    """h1_t = rho Q h1_{t-1} + x_t and h2_t = rho Q h2_{t-1} + h1_t: gradient can change the
    layer at each of k + 1 steps, so that dh2_T/dh1_{T-k} = (k + 1) rho^k Q^k."""
    width, steps = 4, 3000
    cells = (recur.rnn(width, activation="identity", bias=False),) * 2
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(width, width)))[0]
    weights, _ = drawn(cells[0], width)
    params = [weights._replace(w_h=rho * jnp.asarray(turn), w_x=jnp.eye(width))] * 2
    read = np.arange(1, 1 + width, dtype=np.float32)

    @jax.jit
    def logs(params, xs):
        _, _, parts = flow.stack_parts(cells, params, xs, lambda s: s[-1][-1] @ read)
        low, high = (flow.log10_norms(part.total)[::-1] for part in parts)
        return low, high, flow.log10_norms(parts[0].inputs)[::-1]

    low, high, inputs = logs(params, jnp.zeros((steps, width)))
    lag = np.arange(steps)
    expected = np.log10(np.linalg.norm(read)) + lag * np.log10(rho)
    np.testing.assert_allclose(high, expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(low, expected + np.log10(1 + lag), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(inputs, low, rtol=1e-6)


def test_far_from_the_end_the_layer_decides_that_carries_for_longer():
    steps, read = 3000, np.arange(1, 5, dtype=np.float32)
    cells = (recur.rnn(4, activation="identity", bias=False),) * 2
    weights, _ = drawn(cells[0], 4)
    turn = jnp.asarray(np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0])
    params = [weights._replace(w_h=rho * turn) for rho in (0.9, 0.5)]

    @jax.jit
    def curves(params, xs):
        _, _, parts = flow.stack_parts(cells, params, xs, lambda s: s[-1][-1] @ read)
        return [flow.log10_norms(part.total)[::-1] for part in parts]

    low, high = curves(params, jnp.ones((steps, 4)))
    np.testing.assert_allclose(flow.slope(high), np.log(0.5), rtol=1e-4)
    np.testing.assert_allclose(flow.slope(low[500:]), np.log(0.9), rtol=1e-3)
