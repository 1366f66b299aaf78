"""What every cell must be, whatever it computes; one table, no exceptions."""

import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import recur
from tests.reference import CASES


pytestmark = pytest.mark.usefixtures("strict")

T, B, I, H = 9, 3, 4, 5

# Two roads to one value, in other orders of the same operations.
FLOAT32 = {"rtol": 1e-5, "atol": 1e-6}

unroll = jax.jit(recur.unroll, static_argnums=0, static_argnames="reverse")


def draw(case, *, batch=(B,), steps=T):
    """A cell with every parameter random, biases too, and distinct nonzero inputs."""
    cell = case.make(H)
    template = cell.init(jax.random.key(0), I)
    leaves, structure = jax.tree.flatten(template)
    keys = jax.random.split(jax.random.key(1), len(leaves) + 1)
    drawn = [0.4 * jax.random.normal(k, x.shape) for k, x in zip(keys, leaves, strict=False)]
    xs = jax.random.normal(keys[-1], (steps, *batch, I))
    return cell, jax.tree.unflatten(structure, drawn), xs


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request):
    return request.param


def test_every_registered_cell_is_tested():
    assert {case.name for case in CASES.values()} == set(recur.CELLS)


def to_numpy(params):
    return jax.tree.map(lambda x: np.asarray(x, np.float64), params)


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


def test_a_batch_is_its_elements_one_by_one(case):
    cell, params, xs = draw(case, batch=(2, B))
    together = unroll(cell, params, xs)

    def alone(xs):
        return unroll(cell, params, xs)

    each = jax.vmap(jax.vmap(alone, 1, (0, 1)), 1, (0, 1))(xs)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **FLOAT32), together, each)


def test_a_sequence_cut_in_two_is_the_whole(case):
    cell, params, xs = draw(case)
    whole = unroll(cell, params, xs)
    state, first = unroll(cell, params, xs[:4])
    state, second = unroll(cell, params, xs[4:], state)
    halves = state, jnp.concatenate([first, second])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **FLOAT32), whole, halves)


def test_reverse_is_flipped_time(case):
    cell, params, xs = draw(case)
    state, ys = unroll(cell, params, xs, reverse=True)
    flipped_state, flipped = unroll(cell, params, xs[::-1])
    np.testing.assert_allclose(ys, flipped[::-1], **FLOAT32)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, **FLOAT32), state, flipped_state
    )


def test_no_gradient_from_the_future_and_some_from_all_of_the_past(case):
    cell, params, xs = draw(case, batch=())
    jacobian = jax.jacrev(lambda xs: unroll(cell, params, xs)[1])(xs)
    size = jnp.abs(jacobian).sum((1, 3))
    for t in range(T):
        assert (size[t, : t + 1] > 0).all()
        assert (size[t, t + 1 :] == 0).all()


@pytest.mark.usefixtures("x64")
def test_gradients_against_finite_differences(case):
    cell, params, xs = draw(case, batch=(2,), steps=4)

    @jax.jit
    def loss(params, xs):
        return jnp.square(recur.unroll(cell, params, xs)[1]).sum()

    check_grads(loss, (params, xs), order=1, modes=["fwd", "rev"], atol=1e-5, rtol=1e-5)


def test_each_recurrent_block_is_orthogonal(case):
    params = case.make(24).init(jax.random.key(3), I)
    for block in np.split(np.asarray(params.w_h), case.blocks, axis=1):
        np.testing.assert_allclose(np.linalg.svd(block)[1], 1, atol=1e-5)


def test_fused_orthogonal_blocks_are_not(case):
    cell = recur.CELLS[case.name](
        64, **case.options, recurrent_init=recur.initializers.fused_orthogonal
    )
    w_h = np.asarray(cell.init(jax.random.key(3), I).w_h)
    np.testing.assert_allclose(w_h @ w_h.T, np.eye(64), atol=1e-5)
    for block in np.split(w_h, case.blocks, axis=1):
        rms = np.sqrt(np.square(np.linalg.svd(block)[1]).mean())
        np.testing.assert_allclose(rms, case.blocks**-0.5, rtol=0.1)


def test_jit_is_no_jit(case):
    cell, params, xs = draw(case)
    jitted = unroll(cell, params, xs)
    with jax.disable_jit():
        plain = recur.unroll(cell, params, xs)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **FLOAT32), jitted, plain)


def test_bfloat16_stays_bfloat16_and_finite(case):
    cell, params, xs = draw(case, steps=200)
    low = jax.tree.map(lambda x: x.astype(jnp.bfloat16), (params, xs))

    def loss(params, xs):
        return unroll(cell, params, xs)[1].mean()

    if case.options.get("activation") in ("identity", "relu"):
        low = (low[0]._replace(w_h=low[0].w_h / 4), low[1])
    out = unroll(cell, *low), jax.grad(loss)(*low)
    for leaf in jax.tree.leaves(out):
        assert leaf.dtype == jnp.bfloat16
        assert jnp.isfinite(leaf).all()


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


def linen_rnn(params):
    layers = {"i": {"kernel": params.w_x, "bias": params.b}, "h": {"kernel": params.w_h}}
    return flax.linen.SimpleCell(H), layers


def linen_lstm(params):
    blocks = [jnp.split(w, 4, axis=-1) for w in params]
    layers = {}
    for k, name in enumerate("ifgo"):
        w_h, w_x, b = (block[k] for block in blocks)
        layers |= {f"i{name}": {"kernel": w_x}, f"h{name}": {"kernel": w_h, "bias": b}}
    return flax.linen.OptimizedLSTMCell(H), layers


def linen_gru(params):
    """Their z keeps where ours replaces, and sigma(-a) = 1 - sigma(a)."""
    sign = jnp.array([-1.0, 1.0, 1.0])
    w_h, w_x, b = (
        [s * block for s, block in zip(sign, jnp.split(w, 3, axis=-1), strict=True)]
        for w in (params.w_h, params.w_x, params.b)
    )
    layers = {f"i{n}": {"kernel": w_x[k], "bias": b[k]} for k, n in enumerate("zrn")}
    layers |= {f"h{n}": {"kernel": w_h[k]} for k, n in enumerate("zrn")}
    layers["hn"]["bias"] = params.b_h
    return flax.linen.GRUCell(H), layers


@pytest.mark.parametrize(
    ("name", "convert"),
    [("rnn", linen_rnn), ("lstm", linen_lstm), ("gru_reset_after", linen_gru)],
)
@pytest.mark.usefixtures("x64")
def test_values_and_gradients_equal_flax_linen(name, convert):
    cell, params, xs = draw(CASES[name])

    def ours(params, xs):
        return unroll(cell, params, xs)[1]

    def theirs(params, xs):
        module, layers = convert(params)
        carry = module.initialize_carry(jax.random.key(0), xs.shape[1:])
        carry = jax.tree.map(lambda x: x.astype(xs.dtype), carry)
        return jax.lax.scan(
            lambda carry, x: module.apply({"params": layers}, carry, x), carry, xs
        )[1]

    np.testing.assert_allclose(ours(params, xs), theirs(params, xs), atol=1e-12)
    weight = jax.random.normal(jax.random.key(9), (T, B, H))
    grads = [
        jax.grad(lambda p, x, run=run: (weight * run(p, x)).sum(), (0, 1))(params, xs)
        for run in (ours, theirs)
    ]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-11), *grads)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: recur.lstm(0), "lstm: hidden must be an integer >= 1, got 0"),
        (lambda: recur.gru(2.5), "gru: hidden must be an integer >= 1, got 2.5"),
        (lambda: recur.rnn(4, activation="sine"), "rnn: activation must be one of"),
        (lambda: recur.lstm(4, chrono_steps=1), "chrono_steps must be 0 or >= 2"),
        (lambda: recur.gru(4, chrono_steps=9, bias=False), "needs bias=True"),
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
