"""Other loops, the same numbers; what each promises, and what it refuses."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params

import recur
from experiments.speed import memory
from recur.engines.auto import choose
from recur.jaxpr import Kind, depends, split_step
from tests import equivalence


MATRIX = [
    (name, way, engine)
    for name in recur.CELLS
    for way in equivalence.WAYS
    for engine in equivalence.ENGINES
    if equivalence.takes(name, engine)
]


@pytest.mark.parametrize(("name", "way", "engine"), MATRIX)
def test_every_engine_equals_the_plain_scan(name, way, engine):
    assert max(equivalence.difference(name, way, engine)) < 1e-12


def test_what_is_compared_depends_on_the_way_to_run_and_is_not_zero():
    with jax.enable_x64(True):
        found = [equivalence.results("mingru", w, jax.lax.scan) for w in equivalence.WAYS]
    assert len({float(value) for value, _, _ in found}) == len(found)
    for _, grads, along in found:
        assert along != 0
        assert all((leaf != 0).any() for leaf in jax.tree.leaves(grads))


@pytest.mark.parametrize("name", sorted(set(recur.CELLS) - equivalence.AFFINE))
def test_the_associative_engine_refuses_what_is_not_affine(name):
    cell = recur.CELLS[name](4)
    params = cell.init(jax.random.key(0), 3)
    with pytest.raises(TypeError, match="associative: state leaf . is not an affine"):
        recur.unroll(cell, params, jnp.ones((5, 3)), engine=recur.engines.associative)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("steps", [0, 1, 2, 7, 12, 13])
@pytest.mark.parametrize("engine", equivalence.ENGINES.values(), ids=equivalence.ENGINES)
def test_any_number_of_steps(engine, steps, reverse):
    cell = recur.lru(4)
    params = cell.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (steps, 2, 3))
    plain = recur.unroll(cell, params, xs, reverse=reverse)
    other = recur.unroll(cell, params, xs, reverse=reverse, engine=engine)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(b, a, atol=1e-13), plain, other)


def step_of(after):
    """A cell without parameters of two units whose next state is `after(state, u)`."""

    def init(*unused):
        del unused
        return ()

    def initial_state(params, batch_shape):
        del params
        return jnp.zeros((*batch_shape, 2)), jnp.ones((*batch_shape, 2))

    def project(params, xs):
        del params
        return xs

    def step(params, state, u):
        del params
        state = after(state, u)
        return state, state[0]

    return recur.Cell(init, initial_state, project, step)


@pytest.mark.usefixtures("x64")
def test_groups_of_leaves_are_solved_in_the_order_of_their_dependence():
    """The second leaf is affine in itself, and the first any function of the second."""
    cell = step_of(lambda s, u: (jnp.tanh(s[1]) * s[0] + s[1] ** 2, u * s[1] + 0.5))
    xs = jax.random.normal(jax.random.key(1), (6, 3, 2))
    plain = recur.unroll(cell, (), xs)
    other = recur.unroll(cell, (), xs, engine=recur.engines.associative)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(b, a, rtol=1e-12), plain, other)


@pytest.mark.parametrize(
    ("after", "message"),
    [
        (lambda s, u: (jnp.tanh(s[0]) + u, s[1]), r"leaf 0 .*of 0, .*found tanh"),
        (lambda s, u: (s[0] * s[1] + u, s[1] + s[0]), r"leaf 0 .*of 0, 1, .*found mul"),
        (lambda s, u: (s[0][..., ::-1] + u, s[1]), r"leaf 0 .*of 0, .*found rev"),
        (lambda s, u: (u / s[0], s[1]), r"leaf 0 .*of 0, .*found div"),
        (lambda s, u: (s[0] + u, jnp.where(s[1] > 0, s[1], u)), r"leaf 1 .*of 1, "),
        (lambda s, u: (jnp.where(s[0].astype(bool), u, s[0]), s[1]), r"found convert_elem"),
        (lambda s, u: (s[0].reshape(s[0].shape[::-1]).T + u, s[1]), r"found transpose"),
        (lambda s, u: (jax.lax.stop_gradient(s[0]) + u, s[1]), r"leaf 0 .*of 0, "),
        (
            lambda s, u: (s[0] + u, jnp.broadcast_to(s[1].mean(-1, keepdims=True), u.shape)),
            r"leaf 1 .*of 1, .*found",
        ),
    ],
)
def test_each_way_not_to_be_affine_is_found(after, message):
    with pytest.raises(TypeError, match=message):
        xs = jnp.ones((5, 3, 2))
        recur.unroll(step_of(after), (), xs, engine=recur.engines.associative)


def test_dependence_is_read_through_calls():
    @jax.jit
    def inner(x, y):
        return jax.nn.sigmoid(y) * x - jax.checkpoint(jnp.negative)(x), jax.nn.relu(x)

    def function(x, y):
        return inner(x, y)

    examples = [jnp.ones(3), jnp.ones(3)]
    by_x = [kind for kind, _ in depends(function, examples, [0])]
    by_y = [kind for kind, _ in depends(function, examples, [1])]
    assert by_x == [Kind.AFFINE, Kind.OTHER]
    assert by_y == [Kind.OTHER, Kind.NONE]


def test_the_memory_of_the_checkpointed_loop_grows_with_the_root_of_t():
    sizes = {
        name: [
            memory.compile_gradient(steps, scan)[0].memory_analysis().temp_size_in_bytes
            for steps in (1024, 4096, 16384)
        ]
        for name, scan in memory.LOOPS.items()
    }
    plain, ours = (np.array(sizes[name], float) for name in ("scan", "checkpointed"))
    np.testing.assert_allclose(plain[1:] / plain[:-1], 4, rtol=0.02)
    assert (ours[1:] / ours[:-1] < 2.1).all()


def test_the_table_of_memory_is_printed(capsys):
    memory.main((16, 25), repeats=1)
    head, rule, *rows = capsys.readouterr().out.splitlines()
    assert [row.split("|")[1].strip() for row in rows] == ["16", "25"]
    assert head.count("|") == rule.count("|") == rows[0].count("|")


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("shape", [(65, 2), (8,), (9, 1), (7, 2, 3), (5, 0)])
@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_any_batch(name, shape):
    cell = recur.CELLS[name](4)
    params = cell.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (*shape, 3))
    plain = recur.unroll(cell, params, xs, engine="scan")
    other = recur.unroll(cell, params, xs, engine="chunked")
    jax.tree.map(lambda a, b: np.testing.assert_allclose(b, a, atol=1e-13), plain, other)


def loss_of(cell, engine, transform=lambda f: f):
    def loss(params, xs):
        run = transform(lambda p, x: recur.unroll(cell, p, x, engine=engine)[1])
        return jnp.sin(3 * run(params, xs)).sum()

    return loss


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", ["lstm", "gru", "peephole_lstm"])
def test_chunks_under_vmap_remat_and_a_second_derivative(name):
    cell, chunks = recur.CELLS[name](3), recur.engines.chunks_of(3)
    seeds = jax.random.split(jax.random.key(0), 4)
    params = jax.vmap(lambda key: cell.init(key, 2))(seeds)
    xs = jax.random.normal(jax.random.key(1), (4, 7, 2, 2))
    one = jax.tree.map(lambda leaf: leaf[0], params)

    def compare(derivative, *inputs):
        plain = jax.jit(derivative(loss_of(cell, "scan")))(*inputs)
        other = jax.jit(derivative(loss_of(cell, chunks)))(*inputs)
        again = jax.jit(derivative(loss_of(cell, chunks, jax.checkpoint)))(*inputs)
        for ours in (other, again):
            jax.tree.map(
                lambda a, b: np.testing.assert_allclose(b, a, rtol=1e-10, atol=1e-12),
                plain,
                ours,
            )

    compare(lambda f: jax.vmap(jax.grad(f, (0, 1))), params, xs)
    compare(lambda f: jax.hessian(f, 1), one, xs[0])


def inner_products(jaxpr, depth=0):
    """How deep in loops each product of a jaxpr is."""
    for eqn in jaxpr.eqns:
        if eqn.primitive.name == "dot_general":
            yield depth
        for inner in jaxprs_in_params(eqn.params):
            yield from inner_products(inner, depth + (eqn.primitive.name == "scan"))


@pytest.mark.parametrize(("name", "products"), [("rnn", 1), ("lstm", 1), ("gru", 2)])
def test_a_step_has_its_recurrent_products_and_no_other(name, products):
    """No gradient of a weight is made step by step, and no product twice."""
    cell = recur.CELLS[name](4)
    params = cell.init(jax.random.key(0), 3)
    xs = jax.random.normal(jax.random.key(1), (192, 2, 3))

    def depths(engine):
        grad = jax.make_jaxpr(jax.grad(loss_of(cell, engine)))(params, xs)
        return list(inner_products(grad.jaxpr))

    forward, reverse, chunk = 1 + products, products, 1 + products
    assert depths("chunked").count(1) == forward + chunk
    assert depths("chunked").count(2) == reverse
    assert depths("scan").count(1) > 2 * products


def rnn_on_projections():
    """The RNN of the worked example of `recur.engines.chunked`: w_h alone, inputs u."""

    def init(key, input_size):
        return jax.random.normal(key, (input_size, input_size))

    def initial_state(w_h, batch_shape):
        return jnp.zeros((*batch_shape, len(w_h)))

    def project(w_h, us):
        del w_h
        return us

    def step(w_h, h, u):
        h = jnp.tanh(h @ w_h + u)
        return h, h

    return recur.Cell(init, initial_state, project, step)


RNN = rnn_on_projections()


def example():
    """w_h `[H, H]`, h_0 `[B, H]` and u `[T, B, H]`."""
    keys = jax.random.split(jax.random.key(0), 3)
    shapes = (4, 4), (2, 4), (7, 2, 4)
    return [jax.random.normal(k, shape) for k, shape in zip(keys, shapes, strict=True)]


def test_the_worked_example_is_the_trace_of_the_step_and_its_split():
    w_h, h, us = example()
    parts = split_step(RNN, w_h, h, us)
    dot, add, tanh = parts.jaxpr.eqns
    assert [e.primitive.name for e in (dot, add, tanh)] == ["dot_general", "add", "tanh"]
    assert parts.jaxpr.invars == [*parts.param_vars, *parts.state_vars, *parts.u_vars]
    assert parts.jaxpr.outvars == tanh.outvars * 2
    assert parts.params_only == parts.inputs_only == []
    z, activation = parts.recurrent
    assert (z.dot, [z.out], activation) == (dot, add.outvars, tanh)
    assert [z.weight, z.operand, z.addend] == parts.jaxpr.invars


@pytest.mark.usefixtures("x64")
def test_the_worked_example_has_its_gradient_as_one_product():
    w_h, h, us = example()

    def loss(w_h, us, engine):
        states = recur.unroll(RNN, w_h, us, h, engine=engine)[1]
        return jnp.sin(3 * states).sum(), states

    gradient = jax.grad(loss, (0, 1), has_aux=True)
    (dw, dz), states = gradient(w_h, us, recur.engines.chunks_of(7))
    (plain, _), _ = gradient(w_h, us, "scan")
    before = jnp.concatenate([h[None], states[:-1]])
    product = before.reshape(-1, 4).T @ dz.reshape(-1, 4)
    np.testing.assert_allclose(dw, product, rtol=1e-12)
    np.testing.assert_allclose(plain, product, rtol=1e-12)


@pytest.mark.usefixtures("x64")
def test_the_worked_example_pushes_tangents_as_it_says():
    w_h, h, us = example()
    dw_h, dh, dus = (jnp.cos(v) for v in (w_h, h, us))

    def run(w_h, h, us):
        return recur.unroll(RNN, w_h, us, h, engine=recur.engines.chunks_of(7))[1]

    states, pushed = jax.jvp(run, (w_h, h, us), (dw_h, dh, dus))
    before = jnp.concatenate([h[None], states[:-1]])
    e = (before.reshape(-1, 4) @ dw_h).reshape(us.shape) + dus
    for t, z in enumerate(before @ w_h + us):
        dh = (1 - jnp.tanh(z) ** 2) * (dh @ w_h + e[t])
        np.testing.assert_allclose(pushed[t], dh, rtol=1e-12, atol=1e-14)


def from_the_left(params, state, u):
    """A step with its weight on the left, and used outside of the product too."""
    after = jnp.tanh(params[0] @ state[0] + u) + params[0].sum(0)
    return (after, after * params[0][0]), after


def through_einsum(params, state, u):
    """A product by rows of the weight, one of a sum, and a weight made of weights."""
    after = jnp.tanh(jnp.einsum("...h,kh->...k", state[0] + u, params[0] * params[1]) + u)
    return (after, after @ params[1].T), after


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("step", "batch"), [(from_the_left, ()), (through_einsum, (3,))])
def test_products_written_in_other_ways(step, batch):
    cell = step_of(None)._replace(step=step)
    params = tuple(jax.random.normal(jax.random.key(0), (2, 2, 2)) * 0.5)
    xs = jax.random.normal(jax.random.key(1), (7, *batch, 2))
    engines = "scan", recur.engines.chunks_of(3)
    plain, ours = (jax.grad(loss_of(cell, e), (0, 1))(params, xs) for e in engines)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(b, a, rtol=1e-10), plain, ours)


def test_the_rule_of_auto():
    chunked, hoisted, scan = (recur.engines.ENGINES[n] for n in ("chunked", "hoisted", "scan"))
    assert choose("cpu", 100, (20,), 9) is choose("cpu", 100, (2,), 9) is chunked
    assert choose("cpu", 3, (20,), 1000) is scan
    assert choose("gpu", 100, (20,), 1000) is choose("gpu", 100, (1,), 1000) is scan
    assert choose("cpu", 100, (1,), 40_000) is choose("cpu", 100, (1, 1), 9) is hoisted
    assert choose("cpu", 100, (1,), 40_001) is choose("cpu", 100, (), 9) is chunked


def test_auto_reads_what_its_rule_asks_for(monkeypatch):
    asked = []

    def spy(*given):
        asked.append(given)
        return recur.engines.scan

    # The engine `recur.engines.auto` hides the module of that name.
    monkeypatch.setattr(importlib.import_module("recur.engines.auto"), "choose", spy)
    cell = recur.rnn(4)
    params = cell.init(jax.random.key(0), 3)
    recur.unroll(cell, params, jnp.ones((9, 2, 5, 3)), lengths=jnp.ones((2, 5), int))
    assert asked == [("cpu", 9, (2, 5), 3 * 4 + 4 * 4 + 4)]


def test_an_unknown_engine_is_refused():
    cell = recur.rnn(2)
    params = cell.init(jax.random.key(0), 2)
    with pytest.raises(ValueError, match="engine must be one of associative, auto, .*'fast'"):
        recur.unroll(cell, params, jnp.ones((5, 2)), engine="fast")
