"""Cells inside Flax models: the same numbers, and all that Flax users do with modules."""

import flax.errors
import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest
from flax import nnx, traverse_util

import recur
import recur.linen
import recur.nnx


T, I, B, H = 6, 3, 4, 5
XS = jax.random.normal(jax.random.key(1), (T, B, I))
KEY = jax.random.key(0)

PARTS = {
    "cell": recur.lstm(H),
    "layer": recur.stack([recur.bidirectional(recur.gru(H), recur.gru(H)), recur.rnn(2)]),
    "noisy": recur.state_dropout(recur.lstm(H), 0.5),
}

NAMES = {
    "cell": {"w_h", "w_x", "b"},
    "layer": {f"{i}/{leaf}" for i in ("0/0", "0/1", "1") for leaf in ("w_h", "w_x", "b")},
    "noisy": {"inner/w_h", "inner/w_x", "inner/b"},
}


def layer_of(part):
    return recur.one_way(part) if isinstance(part, recur.Cell) else part


def equal(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6), a, b)


@pytest.fixture(params=PARTS)
def name(request):
    return request.param


def test_nnx_computes_what_apply_computes(name):
    model = recur.nnx.RNN(PARTS[name], I, deterministic=True, rngs=nnx.Rngs(0))
    params = layer_of(PARTS[name]).init(nnx.Rngs(0).params(), I)
    equal(model.params(), params)
    lengths, resets = jnp.array([6, 3, 0, 1]), jnp.zeros((T, B), bool).at[2].set(True)
    keywords = {"lengths": lengths, "resets": resets}
    equal(nnx.jit(model)(XS, **keywords), layer_of(PARTS[name]).apply(params, XS, **keywords))


def test_linen_computes_what_apply_computes(name):
    model = recur.linen.RNN(PARTS[name])
    variables = model.init(KEY, XS)
    layer = layer_of(PARTS[name])
    flat = traverse_util.flatten_dict(variables["params"]["weights"], sep="/")
    paths, structure = jax.tree_util.tree_flatten_with_path(layer.init(KEY, I))
    params = jax.tree.unflatten(
        structure, [flat[jax.tree_util.keystr(p, simple=True, separator="/")] for p, _ in paths]
    )
    lengths = jnp.array([6, 3, 0, 1])
    ours = jax.jit(model.apply)(variables, XS, lengths=lengths)
    equal(ours, layer.apply(params, XS, lengths=lengths))


def test_leaf_names_are_readable(name):
    model = recur.nnx.RNN(PARTS[name], I, rngs=nnx.Rngs(0))
    state = nnx.to_pure_dict(nnx.state(model, nnx.Param))["weights"]
    flat = traverse_util.flatten_dict(state)
    assert {"/".join(map(str, path)) for path in flat} == NAMES[name]
    variables = recur.linen.RNN(PARTS[name]).init(KEY, XS)
    flat = traverse_util.flatten_dict(variables["params"]["weights"], sep="/")
    assert set(flat) == NAMES[name]


def test_the_loop_can_be_chosen():
    scan, lru = recur.engines.associative, recur.lru(H)
    models = [
        recur.nnx.RNN(lru, I, rngs=nnx.Rngs(0), **keywords)
        for keywords in ({}, {"engine": scan})
    ]
    equal(*(model(XS) for model in models))
    plain = recur.linen.RNN(lru)
    variables = plain.init(KEY, XS)
    equal(plain.apply(variables, XS), recur.linen.RNN(lru, engine=scan).apply(variables, XS))
    for model in (
        lambda: recur.nnx.RNN(PARTS["cell"], 3, rngs=nnx.Rngs(0), engine=scan)(XS),
        lambda: recur.linen.RNN(PARTS["cell"], engine=scan).init(KEY, XS),
    ):
        with pytest.raises(TypeError, match="associative: state leaf h is not an affine"):
            model()


class NNXClassifier(nnx.Module):
    """The last output of a noisy cell, read out."""

    def __init__(self, rngs):
        self.recurrent = recur.nnx.RNN(PARTS["noisy"], I, rngs=rngs)
        self.readout = nnx.Linear(H, 2, rngs=rngs)

    def __call__(self, xs):
        return self.readout(self.recurrent(xs)[1][-1])


class LinenClassifier(flax.linen.Module):
    """The same in Linen."""

    @flax.linen.compact
    def __call__(self, xs, deterministic):
        _, ys = recur.linen.RNN(PARTS["noisy"])(xs, deterministic=deterministic)
        return flax.linen.Dense(2)(ys[-1])


def test_an_nnx_model_trains_under_jit_grad_and_optax():
    model = NNXClassifier(nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adam(1e-2), wrt=nnx.Param)

    def loss(model):
        return jnp.square(model(XS) - 1).mean()

    @nnx.jit
    def step(model, optimizer):
        value, grads = nnx.value_and_grad(loss)(model)
        optimizer.update(model, grads)
        return value

    model.eval()
    before = loss(model)
    model.train()
    values = [step(model, optimizer) for _ in range(30)]
    assert len({float(v) for v in values}) == 30
    model.eval()
    assert loss(model) == loss(model) < before


def test_a_linen_model_trains_under_jit_grad_and_optax():
    model = LinenClassifier()
    params = model.init(KEY, XS, True)["params"]
    optimizer = optax.adam(1e-2)

    @jax.jit
    def loss(params, key):
        rngs = None if key is None else {"dropout": key}
        out = model.apply({"params": params}, XS, key is None, rngs=rngs)
        return jnp.square(out - 1).mean()

    state, before = optimizer.init(params), loss(params, None)
    for key in jax.random.split(KEY, 30):
        updates, state = optimizer.update(jax.grad(loss)(params, key), state)
        params = optax.apply_updates(params, updates)
    assert loss(params, None) < before
    assert loss(params, KEY) != loss(params, jax.random.key(3))


def test_nnx_draws_a_key_at_each_call_and_none_where_deterministic():
    model = recur.nnx.RNN(PARTS["noisy"], I, rngs=nnx.Rngs(params=0, dropout=1))
    first, second = model(XS)[1], model(XS)[1]
    assert (first != second).any()
    model.eval()
    np.testing.assert_array_equal(model(XS)[1], model(XS)[1])
    assert (model(XS)[1] != first).any()
    assert recur.nnx.RNN(PARTS["cell"], I, rngs=nnx.Rngs(0)).dropout is None


def test_seeds_are_mapped():
    @nnx.vmap(in_axes=0, out_axes=0)
    def many(key):
        return recur.nnx.RNN(PARTS["noisy"], I, deterministic=True, rngs=nnx.Rngs(key))

    keys = jax.random.split(KEY, 3)
    together = nnx.vmap(lambda model: model(XS)[1])(many(keys))
    alone = [
        recur.nnx.RNN(PARTS["noisy"], I, deterministic=True, rngs=nnx.Rngs(key))(XS)[1]
        for key in keys
    ]
    equal(together, jnp.stack(alone))
    model = recur.linen.RNN(PARTS["cell"])
    variables = jax.vmap(lambda key: model.init(key, XS))(keys)
    together = jax.vmap(lambda v: model.apply(v, XS)[1])(variables)
    equal(together[1], model.apply(model.init(keys[1], XS), XS)[1])


def test_orbax_saves_and_restores_both(tmp_path, name):
    model = recur.nnx.RNN(PARTS[name], I, rngs=nnx.Rngs(0))
    trees = {
        "nnx": nnx.to_pure_dict(nnx.state(model, nnx.Param)),
        "linen": recur.linen.RNN(PARTS[name]).init(KEY, XS),
    }
    for kind, tree in trees.items():
        with ocp.StandardCheckpointer() as checkpointer:
            checkpointer.save(tmp_path / kind, tree)
        with ocp.StandardCheckpointer() as checkpointer:
            restored = checkpointer.restore(tmp_path / kind, tree)
            jax.tree.map(np.testing.assert_array_equal, tree, restored)
            names = str(checkpointer.metadata(tmp_path / kind))
        assert "w_h" in names and "weights" in names


def test_an_input_of_another_width_is_refused_as_everywhere():
    with pytest.raises(ValueError, match="lstm: xs must be"):
        recur.nnx.RNN(PARTS["cell"], I, rngs=nnx.Rngs(0))(XS[..., :2])
    model = recur.linen.RNN(PARTS["cell"])
    with pytest.raises(flax.errors.ScopeParamShapeError, match=r"received has shape \(3, 20\)"):
        model.apply(model.init(KEY, XS), XS[..., :2])
