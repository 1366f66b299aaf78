"""Products in bfloat16, all else in float32: what is rounded, and what is not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params

import recur
from experiments.benchmarks.memory.copy_memory import CopyMemory, copy_memory
from experiments.config.settings import Train
from experiments.networks.recurrent import PRECISIONS, make_recurrent
from experiments.training.trainer import make_trainer


T, B, I, H = 7, 3, 4, 5

cells = pytest.mark.parametrize("name", recur.CELLS)


def inputs_of(cell):
    params = cell.init(jax.random.key(0), I)
    return params, jax.random.normal(jax.random.key(1), (T, B, I))


def rounded(x):
    return np.asarray(x, jnp.bfloat16).astype(np.float64)


def test_a_product_is_that_of_rounded_operands():
    cell = recur.rnn(H, activation="identity", bias=False)
    params, xs = inputs_of(cell)
    _, ys = recur.unroll(recur.mixed(cell), params, xs)
    assert ys.dtype == jnp.float32
    h = np.zeros((B, H))
    for x, y in zip(np.asarray(xs, np.float64), np.asarray(ys, np.float64), strict=True):
        narrow = rounded(h) @ rounded(params.w_h), rounded(x) @ rounded(params.w_x)
        # XLA may leave out the rounding of a product that becomes wide again at once.
        bound = 2**-8 * sum(map(np.abs, narrow))
        assert (np.abs(y - sum(narrow)) <= bound + 1e-6).all()
        wide = h @ np.asarray(params.w_h) + x @ np.asarray(params.w_x)
        assert np.abs(y - wide).max() > 1e-4
        h = y


def products_of(jaxpr):
    for eqn in jaxpr.eqns:
        if eqn.primitive.name == "dot_general":
            yield {var.aval.dtype for var in eqn.invars}
        for inner in jaxprs_in_params(eqn.params):
            yield from products_of(inner)


@cells
@pytest.mark.parametrize("engine", ["scan", "chunked"])
def test_every_product_of_a_gradient_is_narrow_and_every_state_wide(name, engine):
    cell = recur.mixed(recur.CELLS[name](H))
    params, xs = inputs_of(cell)

    def loss(params):
        state, ys = recur.unroll(cell, params, xs, engine=engine)
        assert {leaf.dtype for leaf in jax.tree.leaves((state, ys))} == {xs.dtype}
        return jnp.square(ys).sum()

    jaxpr = jax.make_jaxpr(jax.grad(loss))(params).jaxpr
    assert set(map(frozenset, products_of(jaxpr))) == {frozenset({jnp.dtype("bfloat16")})}


@cells
def test_it_costs_as_much_as_eight_bits_do(name):
    cell = recur.CELLS[name](H)
    params, xs = inputs_of(cell)
    exact, narrow = (recur.unroll(c, params, xs)[1] for c in (cell, recur.mixed(cell)))
    error = np.linalg.norm(narrow - exact) / np.linalg.norm(exact)
    assert 1e-4 < error < 2e-2


def test_chunks_are_added_up_in_float32():
    """1 + 1 + ... is stuck at 256 in bfloat16."""
    cell = recur.rnn(1, activation="identity", bias=False)
    zero, one = jnp.zeros((1, 1), jnp.bfloat16), jnp.ones((1, 1), jnp.bfloat16)
    params = cell.init(jax.random.key(0), 1)._replace(w_h=zero, w_x=one)
    xs = jnp.ones((1000, 1, 1), jnp.bfloat16)
    engine = recur.engines.chunks_of(1)

    def loss(params):
        return recur.unroll(cell, params, xs, engine=engine)[1].sum(dtype=jnp.float32)

    assert jax.grad(loss)(params).w_x == 1000


@pytest.mark.parametrize("precision", PRECISIONS)
def test_weights_and_loss_are_wide_in_every_precision(precision):
    task = copy_memory(CopyMemory(lag=4, pattern_length=2))
    net = task.network(make_recurrent(recur.lstm(H), precision=precision))
    trainer = make_trainer(net, task, Train(batch=2))
    state = trainer.init(jnp.int32(0))
    batch = task.train.draw((), jax.random.key(0), 0, 2)
    after, (loss, _) = jax.jit(trainer.step)(state, batch)
    wide = {leaf.dtype for leaf in jax.tree.leaves((after.params, loss))}
    assert wide == {jnp.dtype("float32")}
    moved = jax.tree.map(lambda a, b: (a != b).any(), after.params, state.params)
    assert all(jax.tree.leaves(moved))


def test_precisions_differ_in_what_they_compute():
    task = copy_memory(CopyMemory(lag=4, pattern_length=2))
    batch = task.train.draw((), jax.random.key(0), 0, 2)
    logits = {}
    for precision in PRECISIONS:
        net = task.network(make_recurrent(recur.lstm(H), precision=precision))
        params = net.init(jax.random.key(1))
        logits[precision], _ = net.apply(params, batch, None, None)
    for narrow in ("mixed", "bfloat16"):
        error = np.abs(logits[narrow] - logits["float32"]).max()
        assert 1e-4 < error < 3e-2
    assert (logits["mixed"] != logits["bfloat16"]).any()
