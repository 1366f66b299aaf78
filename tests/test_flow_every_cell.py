"""Every analysis of every cell against brute force, in float64."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from recur import flow
from tests.test_cells import draw
from tests.test_flow import ONE_OF_EACH, read_everywhere


LENGTHS = (1, 3, 4)


class Found(NamedTuple):
    """What the library found, of one cell."""

    cell: object
    params: object
    xs: jax.Array
    states: object
    parts: flow.Parts
    jacobians: jax.Array
    by_path: dict
    contributions: flow.Contributions
    truncation: flow.Truncation
    singular: jax.Array
    lyapunov: flow.Lyapunov


# All tests of a cell in one process, so that it is compiled once.
GROUPED = [
    pytest.param(case, id=name, marks=pytest.mark.xdist_group(name))
    for name, case in ONE_OF_EACH.items()
]


@pytest.fixture(scope="module", params=GROUPED)
def found(request):
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"):
        cell, params, xs = draw(request.param, batch=(2,))

        @jax.jit
        def look(params, xs):
            _, states, parts = flow.parts(cell, params, xs, read_everywhere)
            return (
                states,
                parts,
                flow.step_jacobians(cell, params, xs),
                {p: flow.step_jacobians(cell, params, xs, through=[p]) for p in parts.paths},
                flow.contributions(cell, params, xs, read_everywhere),
                flow.truncation(cell, params, xs, read_everywhere, LENGTHS),
            )

        # Each with factorisations of its own, and never two of them at once.
        singular = jax.jit(lambda p, xs: flow.singular_values_by_lag(cell, p, xs, 2))
        lyapunov = jax.jit(lambda p, xs: flow.lyapunov(cell, p, xs))
        parts = (f(params, xs) for f in (look, singular, lyapunov))
        found, *others = (jax.block_until_ready(part) for part in parts)
        yield Found(cell, params, xs, *found, *others)


@pytest.fixture
def dense(found):
    """Step Jacobians `[T, B, n, n]` in reverse mode, from the states one by one."""
    cell, params, xs = found.cell, found.params, found.xs
    us = cell.project(params, xs)
    first = cell.initial_state(params, (2,))
    _, unravel = ravel_pytree(jax.tree.map(lambda s: s[0], first))

    @jax.jit
    def jacobian(state, u):
        return jax.jacrev(lambda s: ravel_pytree(cell.step(params, unravel(s), u)[0])[0])(state)

    steps = np.zeros(found.jacobians.shape)
    for t, b in np.ndindex(len(xs), 2):
        before = first if t == 0 else jax.tree.map(lambda s, t=t: s[t - 1], found.states)
        state = ravel_pytree(jax.tree.map(lambda s, b=b: s[b], before))[0]
        steps[t, b] = jacobian(state, jax.tree.map(lambda u, t=t, b=b: u[t, b], us))
    return steps


def plain(scaled):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(flow.unscale(scaled))]


def close(found, expected):
    for one, other in zip(found, expected, strict=True):
        scale = np.abs(other).max(initial=1e-30)
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11 * scale)


def test_step_jacobians(found, dense):
    close([found.jacobians], [dense])


def test_paths_add_up_to_the_jacobian(found):
    close([sum(found.by_path.values())], [found.jacobians])
    assert "carry" in found.by_path and len(found.by_path) > 1


def test_direct_and_recurrent_add_up_to_the_total(found):
    parts = found.parts
    sums = [d + r for d, r in zip(plain(parts.direct), plain(parts.recurrent), strict=True)]
    close(sums, plain(parts.total))


def test_the_parts_by_path_add_up_to_what_comes_back(found):
    each = [plain(scaled) for scaled in found.parts.paths.values()]
    close([sum(leaves) for leaves in zip(*each, strict=True)], plain(found.parts.recurrent))


def test_what_comes_back_by_a_path_is_its_jacobian_times_what_came(found):
    total = np.concatenate([x.reshape(*x.shape[:2], -1) for x in plain(found.parts.total)], -1)
    for name, scaled in found.parts.paths.items():
        leaves = [x.reshape(*x.shape[:2], -1) for x in plain(scaled)]
        expected = np.einsum("tbij,tbi->tbj", found.by_path[name][1:], total[1:])
        close([np.concatenate(leaves, -1)[:-1]], [expected])


def test_the_adjoint_of_the_inputs_is_their_gradient(found):
    def value(xs):
        return read_everywhere(flow.adjoint.trajectory(found.cell, found.params, xs).states)

    close(plain(found.parts.inputs), [jax.jit(jax.grad(value))(found.xs)])


def test_contributions_are_the_gradients_of_a_copy_for_each_step(found):
    cell, xs = found.cell, found.xs
    copies = jax.tree.map(lambda p: jnp.stack([p] * len(xs)), found.params)
    first = cell.initial_state(found.params, (2,))

    @jax.jit
    @jax.grad
    def gradients(copies):
        def step(state, x):
            params, x = x
            u = jax.tree.map(lambda u: u[0], cell.project(params, x[None]))
            state = cell.step(params, state, u)[0]
            return state, state

        return read_everywhere(jax.lax.scan(step, first, (copies, xs))[1])

    each = jax.tree.leaves(gradients(copies))
    sums = [g.sum(0) for g in each]
    close(jax.tree.leaves(found.contributions.gradient), sums)
    for g, whole, norms, cosines in zip(
        each,
        sums,
        jax.tree.leaves(found.contributions.log10_norm),
        jax.tree.leaves(found.contributions.cosine),
        strict=True,
    ):
        flat, whole = np.reshape(g, (len(g), -1)), np.ravel(whole)
        sizes = np.linalg.norm(flat, axis=1)
        with np.errstate(divide="ignore"):
            np.testing.assert_allclose(norms, np.log10(sizes), atol=1e-8)
        expected = flat @ whole / np.maximum(sizes * np.linalg.norm(whole), 1e-300)
        np.testing.assert_allclose(cosines, expected, atol=1e-8)


def test_singular_values_are_those_of_the_product(found, dense):
    products = [np.broadcast_to(np.eye(dense.shape[-1]), dense.shape[1:])]
    for step in dense[:0:-1]:
        products.append(products[-1] @ step)
    values = np.linalg.svd(np.stack(products), compute_uv=False)[..., :2]
    np.testing.assert_allclose(10.0**found.singular, values, rtol=1e-7, atol=1e-12)


def test_without_matrices_the_window_has_the_same_singular_values(found):
    window = len(found.xs) - 2
    with jax.enable_x64(True):
        arguments = found.cell, found.params, found.xs, window, 2
        exact = np.asarray(flow.window_singular_values(*arguments, exact=True))
        free = flow.window_singular_values(*arguments, exact=False, sweeps=100)
    by_lag = 10.0 ** found.singular[window]
    np.testing.assert_allclose(10.0**exact, by_lag, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(10.0 ** free[:, 0], 10.0 ** exact[:, 0], rtol=1e-4, atol=1e-12)


def test_lyapunov_exponents_add_up_to_the_mean_log_determinant(found, dense):
    with np.errstate(divide="ignore"):
        expected = np.linalg.slogdet(dense)[1].mean(0)
    rank = np.linalg.matrix_rank(dense, tol=1e-12).min()
    if rank < dense.shape[-1]:
        assert (np.asarray(found.lyapunov.exponents).min(-1) < -3).all()
    else:
        np.testing.assert_allclose(found.lyapunov.exponents.sum(-1), expected, rtol=1e-7)


def test_truncated_gradients_are_those_of_a_loop_that_detaches(found):
    cell, xs = found.cell, found.xs

    def gradient(length):
        @jax.jit
        @jax.grad
        def run(params):
            state, states = cell.initial_state(params, (2,)), []
            us = cell.project(params, xs)
            for t in range(len(xs)):
                if (len(xs) - t) % length == 0:
                    state = jax.lax.stop_gradient(state)
                state = cell.step(params, state, jax.tree.map(lambda u, t=t: u[t], us))[0]
                states.append(state)
            return read_everywhere(jax.tree.map(lambda *s: jnp.stack(s), *states))

        return np.asarray(ravel_pytree(run(found.params))[0])

    full = gradient(len(xs) + 1)
    for index, length in enumerate(LENGTHS):
        cut = gradient(length)
        sizes = np.linalg.norm(cut), np.linalg.norm(full)
        np.testing.assert_allclose(found.truncation.ratio[index], sizes[0] / sizes[1])
        cosine = cut @ full / np.prod(sizes)
        np.testing.assert_allclose(found.truncation.cosine[index], cosine, rtol=1e-9)
