"""What every cell must be, whatever it computes; one table, no exceptions."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from tests.reference import CASES


pytestmark = pytest.mark.usefixtures("strict")

T, B, I, H = 9, 3, 4, 5

# Two roads to one value, in other orders of the same operations.
FLOAT32 = {"rtol": 1e-5, "atol": 1e-6}

unroll = jax.jit(recur.unroll, static_argnums=0)


def draw(case, *, batch=(B,), steps=T):
    """A cell with every parameter random, biases too, and distinct nonzero inputs."""
    cell = case.make(H)
    template = cell.init(jax.random.key(0), I)
    leaves, structure = jax.tree.flatten(template)
    keys = jax.random.split(jax.random.key(1), len(leaves) + 1)
    drawn = [0.4 * jax.random.normal(k, x.shape) for k, x in zip(keys, leaves, strict=False)]
    xs = jax.random.normal(keys[-1], (steps, *batch, I))
    return cell, jax.tree.unflatten(structure, drawn), xs


def to_numpy(params):
    return jax.tree.map(lambda x: np.asarray(x, np.float64), params)


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request):
    return request.param


def test_every_registered_cell_is_tested():
    assert {case.name for case in CASES.values()} == set(recur.CELLS)


def test_float32_equals_the_reference_loop(case):
    cell, params, xs = draw(case, batch=())
    _, ys = unroll(cell, params, xs)
    np.testing.assert_allclose(ys, case.run(to_numpy(params), to_numpy(xs)), atol=1e-5)


@pytest.mark.usefixtures("x64")
def test_float64_equals_the_reference_loop(case):
    cell, params, xs = draw(case, batch=())
    assert xs.dtype == jnp.float64
    _, ys = unroll(cell, params, xs)
    np.testing.assert_allclose(ys, case.run(to_numpy(params), to_numpy(xs)), atol=1e-10)


def test_the_output_is_the_first_leaf_of_the_state(case):
    cell, params, xs = draw(case)
    state, ys = unroll(cell, params, xs)
    np.testing.assert_array_equal(jax.tree.leaves(state)[0], ys[-1])


def test_a_sequence_cut_in_two_is_the_whole(case):
    cell, params, xs = draw(case)
    whole = unroll(cell, params, xs)
    state, first = unroll(cell, params, xs[:4])
    state, second = unroll(cell, params, xs[4:], state)
    halves = state, jnp.concatenate([first, second])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **FLOAT32), whole, halves)


def drawn_orthogonal(factory):
    chosen = inspect.signature(factory).parameters.get("recurrent_init")
    return chosen is not None and chosen.default is recur.initializers.orthogonal


ORTHOGONAL = [name for name, factory in recur.CELLS.items() if drawn_orthogonal(factory)]


@pytest.mark.parametrize("name", ORTHOGONAL)
def test_each_recurrent_block_is_orthogonal(name):
    w_h = np.asarray(recur.CELLS[name](24).init(jax.random.key(3), I).w_h)
    for block in np.split(w_h, w_h.shape[1] // 24, axis=1):
        np.testing.assert_allclose(np.linalg.svd(block)[1], 1, atol=1e-5)


@pytest.mark.parametrize("name", ORTHOGONAL)
def test_fused_orthogonal_blocks_are_not(name):
    fused = recur.initializers.fused_orthogonal
    w_h = recur.CELLS[name](64, recurrent_init=fused).init(jax.random.key(3), I).w_h
    np.testing.assert_allclose(w_h @ w_h.T, np.eye(64), atol=1e-5)
    blocks = w_h.shape[1] // 64
    for block in np.split(np.asarray(w_h), blocks, axis=1):
        rms = np.sqrt(np.square(np.linalg.svd(block)[1]).mean())
        np.testing.assert_allclose(rms, blocks**-0.5, rtol=0.1)


def test_a_cell_built_twice_is_traced_once(case):
    traced = []

    def run(cell, params, xs):
        traced.append(cell)
        return recur.unroll(cell, params, xs)

    jitted = jax.jit(run, static_argnums=0)
    for _ in range(2):
        cell, params, xs = draw(case)
        jitted(cell, params, xs)
    assert len(traced) == 1
    assert case.make(H) is case.make(hidden=H)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: recur.lstm(0), "lstm: hidden must be an integer >= 1, got 0"),
        (lambda: recur.gru(2.5), "gru: hidden must be an integer >= 1, got 2.5"),
        (lambda: recur.rnn(4, activation="sine"), "rnn: activation must be one of"),
        (lambda: recur.lstm(4, chrono_steps=1), "chrono_steps must be 0 or >= 2"),
        (lambda: recur.gru(4, chrono_steps=9, bias=False), "needs bias=True"),
        (lambda: recur.janet(4, chrono_steps=9, bias=False), "needs bias=True"),
        (lambda: recur.indrnn(4, activation="sine"), "indrnn: activation must be one of"),
        (lambda: recur.projected_lstm(4, projection=-1), "projection must be >= 0"),
        (lambda: recur.slstm(4, forget="tanh"), "slstm: forget must be one of"),
        (lambda: recur.lru(4, min_radius=0.5, max_radius=0.5), "0 <= min_radius < max"),
    ],
)
def test_illegal_cells_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_inputs_that_do_not_fit_are_refused(case):
    cell, params, xs = draw(case)
    with pytest.raises(ValueError, match=rf"{case.name}: xs must be \[T, \*B, 4\]"):
        unroll(cell, params, xs[..., :3])
    with pytest.raises(ValueError, match="time first"):
        unroll(cell, params, xs[0, 0])


def test_janet_can_be_drawn_chrono():
    b = recur.janet(2000, chrono_steps=50).init(jax.random.key(0), I).b[:2000]
    kept = 1 / (1 - jax.nn.sigmoid(b))
    np.testing.assert_allclose((kept.min(), kept.mean(), kept.max()), (2, 26, 50), rtol=0.03)


def test_the_eigenvalues_of_an_lru_start_uniform_on_their_ring():
    cell = recur.lru(4000, min_radius=0.6, max_radius=0.9, max_phase=1.0)
    params = cell.init(jax.random.key(0), I)
    radius, angle = jnp.exp(-jnp.exp(params.nu)), jnp.exp(params.theta)
    assert 0.6 <= radius.min() and radius.max() <= 0.9
    # Uniform in area: the square of the radius is uniform.
    np.testing.assert_allclose(jnp.square(radius).mean(), (0.36 + 0.81) / 2, rtol=0.01)
    np.testing.assert_allclose(angle.mean(), 0.5, rtol=0.03)
    np.testing.assert_allclose(
        jnp.exp(params.log_gamma), jnp.sqrt(1 - jnp.square(radius)), rtol=1e-4
    )


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("shift", [-1000.0, 1000.0])
def test_the_stabiliser_of_an_slstm_changes_nothing_but_the_range(shift):
    """A common factor of all that is written cancels in c / n."""
    cell = recur.slstm(H, forget="exponential")
    params = cell.init(jax.random.key(0), I)
    xs = jax.random.normal(jax.random.key(1), (3 * T, I))
    moved = params._replace(b=params.b.at[:H].add(shift))
    plain, shifted = (unroll(cell, p, xs)[1] for p in (params, moved))
    np.testing.assert_allclose(shifted, plain, rtol=1e-10)


def test_the_gates_of_an_slstm_may_be_as_large_as_they_like():
    cell = recur.slstm(H, forget="exponential")
    params = cell.init(jax.random.key(0), I)
    xs = jax.random.normal(jax.random.key(1), (50, I))
    params = params._replace(w_x=1e3 * params.w_x)

    def loss(params):
        return unroll(cell, params, xs)[1].sum()

    value, grads = jax.value_and_grad(loss)(params)
    assert jnp.isfinite(value)
    assert all(jnp.isfinite(g).all() for g in jax.tree.leaves(grads))
