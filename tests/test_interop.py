"""Weights from and to other libraries, against real modules of each."""

import functools
import importlib
import os
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import recur
from recur.interop import DIALECTS, dump, load


# PyTorch says that it takes its slower road.
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")

T, B, I, H = 6, 3, 4, 5
P = 2


class Module(NamedTuple):
    """A real layer of another library, its weights random.

    Attributes:
      weights: as its library holds them.
      run: `(weights, xs [T, B, I]) -> ys`, traceable where the library is of JAX.
      grads: `(weights, xs, c) -> (d weights, d xs)` of `sum(c * ys)`.
    """

    weights: dict[str, Any]
    run: Callable[[Any, Any], Any]
    grads: Callable[[Any, Any, Any], tuple[Any, Any]]


def in_jax(weights, run):
    """A module of a library that JAX can differentiate."""

    def grads(weights, xs, c):
        return jax.grad(lambda w, x: (c * run(w, x)).sum(), (0, 1))(weights, xs)

    return Module(weights, run, grads)


def randomized(tree, dtype, seed=3):
    """The same tree with every entry random, biases too."""
    random = np.random.RandomState(seed)
    return jax.tree.map(lambda x: jnp.asarray(0.4 * random.randn(*x.shape), dtype), tree)


def linen(make, dtype):
    cell = make(H)
    x = jnp.ones((B, I), dtype)
    carry = cell.initialize_carry(jax.random.key(0), x.shape)
    weights = randomized(cell.init(jax.random.key(0), carry, x)["params"], dtype)

    def run(weights, xs):
        start = jax.tree.map(lambda leaf: leaf.astype(dtype), carry)
        return jax.lax.scan(lambda c, x: cell.apply({"params": weights}, c, x), start, xs)[1]

    return in_jax(weights, run)


def of_nnx(make, dtype):
    cell = make(I, H, rngs=nnx.Rngs(0))
    structure, state = nnx.split(cell, nnx.Param, ...)[:2]
    rest = nnx.split(cell, nnx.Param, ...)[2]

    def run(weights, xs):
        nnx.replace_by_pure_dict(state, weights)
        module = nnx.merge(structure, state, rest)
        carry = module.initialize_carry(xs.shape[1:], nnx.Rngs(0))
        carry = jax.tree.map(lambda leaf: leaf.astype(dtype), carry)
        return jax.lax.scan(lambda c, x: module(c, x), carry, xs)[1]

    return in_jax(randomized(nnx.to_pure_dict(state), dtype), run)


def haiku(name, dtype):
    hk = installed("haiku")

    def forward(xs):
        core = getattr(hk, name)(H)
        state = jax.tree.map(lambda leaf: leaf.astype(dtype), core.initial_state(B))
        return hk.dynamic_unroll(core, xs, state)[0]

    function = hk.without_apply_rng(hk.transform(forward))
    weights = function.init(jax.random.key(0), jnp.ones((T, B, I), dtype))
    return in_jax(randomized(weights, dtype), function.apply)


def of_keras(name, options, dtype):
    os.environ["KERAS_BACKEND"] = "jax"
    keras = installed("keras")
    if dtype == jnp.float64:
        # Its own tanh rounds to float32.
        options = {**options, "activation": jnp.tanh}
    keras.config.set_floatx(dtype.__name__)
    keras.config.set_dtype_policy(dtype.__name__)
    layer = getattr(keras.layers, name)(H, return_sequences=True, **options)
    layer.build((None, None, I))
    names = [weight.path.split("/")[-1] for weight in layer.weights]
    shapes = {n: np.zeros(w.shape) for n, w in zip(names, layer.weights, strict=True)}

    def run(weights, xs):
        values = [weights[name] for name in names]
        rest = [v.value for v in layer.non_trainable_variables]
        ys, _ = layer.stateless_call(values, rest, xs.swapaxes(0, 1))
        return ys.swapaxes(0, 1)

    return in_jax(randomized(shapes, dtype), run)


def equinox(name, dtype):
    library = installed("equinox")
    empty = getattr(library.nn, name)(I, H, dtype=dtype, key=jax.random.key(0))
    leaves = {k: v for k, v in vars(empty).items() if isinstance(v, jax.Array)}

    def run(weights, xs):
        values = [weights[k] for k in leaves]
        cell = library.tree_at(lambda c: [getattr(c, k) for k in leaves], empty, values)
        zeros = jnp.zeros((B, H), dtype)
        state = (zeros, zeros) if name == "LSTMCell" else zeros

        def step(state, x):
            state = jax.vmap(cell)(x, state)
            return state, jax.tree.leaves(state)[0]

        return jax.lax.scan(step, state, xs)[1]

    return in_jax(randomized(leaves, dtype), run)


def of_torch(name, options, dtype):
    torch = installed("torch")
    kind = getattr(torch, dtype.__name__)
    module = getattr(torch.nn, name)(I, H, dtype=kind, **options)
    shapes = {k: v.detach().numpy() for k, v in module.state_dict().items()}
    weights = {k: np.asarray(v) for k, v in randomized(shapes, dtype).items()}

    def apply(weights, xs):
        module.load_state_dict({k: torch.tensor(np.asarray(v)) for k, v in weights.items()})
        xs = torch.tensor(np.asarray(xs), requires_grad=True)
        return xs, module(xs)[0]

    def grads(weights, xs, c):
        module.zero_grad()
        xs, ys = apply(weights, xs)
        (torch.tensor(np.asarray(c)) * ys).sum().backward()
        d_weights = {k: v.grad.numpy() for k, v in module.named_parameters()}
        return d_weights, xs.grad.numpy()

    return Module(weights, lambda w, x: apply(w, x)[1].detach().numpy(), grads)


def installed(library):
    """The library, or the test is skipped by its name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(library)
        except ImportError:
            pytest.skip(f"{library} is not installed: pip install recur[peers]")


BOTH = {"num_layers": 2, "bidirectional": True}
RELU = "torch.RNN(nonlinearity='relu')"
MGU = functools.partial(flax.linen.MGUCell, reset_gate=False)

MODULES = [
    ("linen.SimpleCell", lambda d: linen(flax.linen.SimpleCell, d)),
    ("linen.LSTMCell", lambda d: linen(flax.linen.LSTMCell, d)),
    ("linen.OptimizedLSTMCell", lambda d: linen(flax.linen.OptimizedLSTMCell, d)),
    ("linen.GRUCell", lambda d: linen(flax.linen.GRUCell, d)),
    ("linen.MGUCell(reset_gate=False)", lambda d: linen(MGU, d)),
    ("nnx.SimpleCell", lambda d: of_nnx(functools.partial(nnx.SimpleCell, dtype=d), d)),
    ("nnx.LSTMCell", lambda d: of_nnx(nnx.LSTMCell, d)),
    ("nnx.OptimizedLSTMCell", lambda d: of_nnx(nnx.OptimizedLSTMCell, d)),
    ("nnx.GRUCell", lambda d: of_nnx(nnx.GRUCell, d)),
    ("haiku.VanillaRNN", lambda d: haiku("VanillaRNN", d)),
    ("haiku.LSTM", lambda d: haiku("LSTM", d)),
    ("haiku.GRU", lambda d: haiku("GRU", d)),
    ("equinox.GRUCell", lambda d: equinox("GRUCell", d)),
    ("equinox.LSTMCell", lambda d: equinox("LSTMCell", d)),
    ("keras.SimpleRNN", lambda d: of_keras("SimpleRNN", {}, d)),
    ("keras.LSTM", lambda d: of_keras("LSTM", {}, d)),
    ("keras.LSTM", lambda d: of_keras("LSTM", {"use_bias": False}, d)),
    ("keras.GRU", lambda d: of_keras("GRU", {}, d)),
    ("keras.GRU", lambda d: of_keras("GRU", {"use_bias": False}, d)),
    ("keras.GRU(reset_after=False)", lambda d: of_keras("GRU", {"reset_after": False}, d)),
    ("torch.RNN", lambda d: of_torch("RNN", {}, d)),
    ("torch.RNN", lambda d: of_torch("RNN", {**BOTH, "bias": False}, d)),
    (RELU, lambda d: of_torch("RNN", {"nonlinearity": "relu", "num_layers": 3}, d)),
    ("torch.LSTM", lambda d: of_torch("LSTM", BOTH, d)),
    ("torch.LSTM", lambda d: of_torch("LSTM", {"bias": False}, d)),
    ("torch.LSTM(proj_size)", lambda d: of_torch("LSTM", {**BOTH, "proj_size": P}, d)),
    ("torch.GRU", lambda d: of_torch("GRU", BOTH, d)),
    ("torch.GRU", lambda d: of_torch("GRU", {"num_layers": 2, "bias": False}, d)),
]


def test_every_dialect_has_a_real_module():
    assert {name for name, _ in MODULES} == set(DIALECTS)


@pytest.fixture(params=MODULES, ids=lambda row: row[0])
def row(request):
    return request.param


def run_ours(name, params, xs):
    """The cell of the dialect, or the stack of layers and directions."""
    dialect = DIALECTS[name]
    cell = dialect.cell(H, projection=P) if "proj" in name else dialect.cell(H)
    if not dialect.layered:
        return recur.unroll(cell, params, xs)[1]
    both = recur.bidirectional(cell, cell)
    parts = [cell if hasattr(layer, "_fields") else both for layer in params]
    return recur.stack(parts).apply(params, xs)[1]


def agree(row, dtype, tolerance):
    name, make = row
    module = make(dtype)
    xs = jax.random.normal(jax.random.key(1), (T, B, I), dtype)
    ys = run_ours(name, load(name, module.weights), xs)
    assert ys.dtype == dtype
    np.testing.assert_allclose(ys, module.run(module.weights, xs), atol=tolerance)
    c = jax.random.normal(jax.random.key(2), ys.shape, dtype)

    def loss(weights, xs):
        return (c * run_ours(name, load(name, weights), xs)).sum()

    weights = jax.tree.map(jnp.asarray, module.weights)
    ours = jax.jit(jax.grad(loss, (0, 1)))(weights, xs)
    theirs = module.grads(module.weights, xs, c)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance, atol=4 * tolerance),
        ours,
        jax.tree.map(np.asarray, theirs),
    )


def test_outputs_and_gradients_agree_in_float32(row):
    agree(row, jnp.float32, 1e-5)


@pytest.mark.usefixtures("x64")
def test_outputs_and_gradients_agree_in_float64(row):
    agree(row, jnp.float64, 1e-10)


def test_a_round_trip_is_exact(row):
    name, make = row
    weights = make(jnp.float32).weights
    params = load(name, weights)
    again = load(name, dump(name, params))
    jax.tree.map(np.testing.assert_array_equal, params, again)
    if name == "haiku.LSTM":
        np.testing.assert_allclose(
            dump(name, params)["lstm/linear"]["b"], weights["lstm/linear"]["b"], atol=2e-7
        )
        return
    there, twice = dump(name, params), dump(name, again)
    jax.tree.map(np.testing.assert_array_equal, there, twice)
    assert jax.tree.map(jnp.shape, there) == jax.tree.map(jnp.shape, weights)
    for path, leaf in jax.tree_util.tree_flatten_with_path(there)[0]:
        # Two biases that act as one come back as their sum and zero.
        if not jax.tree_util.keystr(path[-1:], simple=True).startswith("b"):
            theirs = functools.reduce(lambda tree, k: tree[k.key], path, weights)
            np.testing.assert_array_equal(leaf, theirs)


def lstm_weights():
    random = np.random.RandomState(0)
    shapes = {"kernel": (I, 4 * H), "recurrent_kernel": (H, 4 * H), "bias": (4 * H,)}
    return {k: random.randn(*shape).astype(np.float32) for k, shape in shapes.items()}


def torch_weights():
    params = recur.stack([recur.lstm(H), recur.lstm(H)]).init(jax.random.key(0), I)
    return dump("torch.LSTM", params)


def without(weights, key):
    return {k: v for k, v in weights.items() if k != key}


REFUSED = [
    (ValueError, "unknown dialect 'torch.lstm': did you mean torch.LSTM?", "torch.lstm", dict),
    (TypeError, "weights must be a dict, got list", "keras.LSTM", list),
    (
        ValueError,
        "keras.LSTM: kernel is missing; got recurrent_kernel, bias",
        "keras.LSTM",
        lambda: without(lstm_weights(), "kernel"),
    ),
    (
        ValueError,
        "keras.LSTM: scale is unknown; expected recurrent_kernel, kernel, bias",
        "keras.LSTM",
        lambda: {**lstm_weights(), "scale": np.ones(3, np.float32)},
    ),
    (
        ValueError,
        r"recurrent_kernel is \(20, 5\), but the others need \(5, 20\); is it transposed",
        "keras.LSTM",
        lambda: {**lstm_weights(), "recurrent_kernel": np.ones((20, 5), np.float32)},
    ),
    (
        ValueError,
        r"keras.LSTM: kernel is \(20, 4\), but the others need \(4, 20\); is it transposed",
        "keras.LSTM",
        lambda: {**lstm_weights(), "kernel": np.ones((20, 4), np.float32)},
    ),
    (
        ValueError,
        r"keras.LSTM: bias is \(16,\), but the others need \(20,\); is it from another layer",
        "keras.LSTM",
        lambda: {**lstm_weights(), "bias": np.ones(16, np.float32)},
    ),
    (
        TypeError,
        "one dtype, but recurrent_kernel is float32, bias is float16: cast them first",
        "keras.LSTM",
        lambda: {**lstm_weights(), "bias": np.ones(4 * H, np.float16)},
    ),
    (
        TypeError,
        "keras.LSTM: bias is int64, not an array of floats",
        "keras.LSTM",
        lambda: {**lstm_weights(), "bias": np.ones(4 * H, np.int64)},
    ),
    (
        TypeError,
        "the weights are float64, which JAX would cast to float32",
        "keras.LSTM",
        lambda: {k: v.astype(np.float64) for k, v in lstm_weights().items()},
    ),
    (
        ValueError,
        "torch.LSTM: bias_hh_l1 is missing; got .*weight_hh_l1",
        "torch.LSTM",
        lambda: without(torch_weights(), "bias_hh_l1"),
    ),
    (
        ValueError,
        "torch.LSTM: weight_hh_l1 is missing; got none",
        "torch.LSTM",
        lambda: {k.replace("l1", "l2"): v for k, v in torch_weights().items()},
    ),
    (ValueError, "weight_hh_l0 is missing; got none", "torch.LSTM", dict),
    (
        ValueError,
        "torch.LSTM: unknown weight h0; names end in _l0",
        "torch.LSTM",
        lambda: {"h0": np.ones(3, np.float32)},
    ),
    (
        ValueError,
        "torch.LSTM: weight_hr_l0 is unknown",
        "torch.LSTM",
        lambda: {**torch_weights(), "weight_hr_l0": np.ones((P, H), np.float32)},
    ),
]


@pytest.mark.parametrize(("kind", "message", "name", "weights"), REFUSED)
def test_weights_that_do_not_fit_are_refused(kind, message, name, weights):
    with pytest.raises(kind, match=message) as refusal:
        load(name, weights())
    assert "\n" not in str(refusal.value)


LSTM, GRU, AFTER = (
    cell.init(jax.random.key(0), 4)
    for cell in (recur.lstm(H), recur.gru(H), recur.gru(H, reset_after=True))
)


@pytest.mark.parametrize(
    ("kind", "message", "name", "params"),
    [
        (ValueError, "unknown dialect", "torch.Lstm", lambda: ()),
        (TypeError, r"must be a tuple .* write \(params,\)", "torch.LSTM", lambda: LSTM),
        (TypeError, "must be LSTMParams, got GRUParams", "keras.LSTM", lambda: GRU),
        (TypeError, "must be LSTMParams, got GRUParams", "torch.LSTM", lambda: (GRU,)),
        (ValueError, "b_h, .* must be an array.* reset_after", "keras.GRU", lambda: GRU),
        (ValueError, "b_h, .* must be None.* reset_after", "haiku.GRU", lambda: AFTER),
        (
            ValueError,
            r"kernel is \(20, 4\), .* \(4, 20\)",
            "keras.LSTM",
            lambda: LSTM._replace(w_x=LSTM.w_x.T),
        ),
    ],
)
def test_parameters_that_do_not_fit_are_refused(kind, message, name, params):
    with pytest.raises(kind, match=message):
        dump(name, params())
