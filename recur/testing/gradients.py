# SPDX-License-Identifier: Apache-2.0
"""Checks of derivatives."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from recur.flow import adjoints
from recur.testing.subject import BATCH, Subject, fail, named_leaves, randomized


LONG = 1000


def every_parameter_has_one(subject: Subject) -> None:
    """The outputs depend on every leaf of the parameters."""
    for name, leaf in _named(_gradient(subject.unroll, subject.cell, _point(subject))):
        if name.startswith("params") and not (leaf != 0).any():
            fail(
                f"gradients: the gradient of {name} is zero",
                "the parameter is not used, or only through a stop_gradient",
            )


def they_are_finite_at_zero(subject: Subject) -> None:
    """Gradients are finite at the initial state for inputs of zero, as padding has them."""
    params, xs, offset = _point(subject)
    zero = params, jnp.zeros_like(xs), jax.tree.map(jnp.zeros_like, offset)
    for name, leaf in _named(_gradient(subject.unroll, subject.cell, zero)):
        if not jnp.isfinite(leaf).all():
            fail(
                f"gradients: the gradient of {name} is not finite for inputs of zero",
                "look for a norm, square root, logarithm or division at 0; add an epsilon, "
                "or select with jnp.where before it",
            )


def they_equal_finite_differences(subject: Subject) -> None:
    """Reverse and forward mode equal (f(x + d) - f(x - d)) / 2 in float64."""
    with jax.enable_x64(True):
        point = jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), _point(subject))
        loss = functools.partial(_loss, subject.unroll, subject.cell)
        grads = _named(_gradient(subject.unroll, subject.cell, point))
        total, structure = 0.0, jax.tree.structure(point)
        along = jax.tree.leaves(randomized(jax.random.key(5), point, 1.0))
        for k, (name, grad) in enumerate(grads):
            moves = [(i == k) * 1e-6 * v for i, v in enumerate(along)]
            move = jax.tree.unflatten(structure, moves)
            above = loss(jax.tree.map(jnp.add, point, move))
            below = loss(jax.tree.map(jnp.subtract, point, move))
            difference = float(above - below) / 2e-6
            total += difference
            _compare("reverse", name, float(jnp.vdot(grad, along[k])), difference)
        forward = jax.jvp(loss, (point,), (jax.tree.unflatten(structure, along),))[1]
        _compare("forward", "all leaves", float(forward), total)


def adjoints_are_finite_over_a_thousand_steps(subject: Subject) -> None:
    """States and adjoints of a fresh cell are finite over a thousand steps."""
    shape = (LONG, BATCH, subject.input_size)
    xs = jax.random.normal(jax.random.key(6), shape)

    def last(states):
        return jax.tree.leaves(states)[0][-1].sum()

    run = jax.jit(lambda p: adjoints(subject.cell, p, xs, last)[1:])
    for what, tree in zip(("state", "adjoint"), run(subject.fresh), strict=True):
        for name, leaf in named_leaves(tree, what):
            if not jnp.isfinite(leaf).all():
                fail(
                    f"adjoints: {name} of a fresh cell is not finite over {LONG} steps",
                    "the state grows without bound, or singular values of the initial "
                    "recurrent weights are above 1",
                )


def _point(subject):
    """Make `(params, xs, offset of the initial state)`, where derivatives are taken."""
    state = subject.cell.initial_state(subject.params, (BATCH,))
    return subject.params, subject.xs, randomized(jax.random.key(4), state, 0.4)


def _named(point):
    roots = zip(point, ("params", "xs", "state"), strict=True)
    return [leaf for tree, root in roots for leaf in named_leaves(tree, root)]


@functools.partial(jax.jit, static_argnums=(0, 1))
def _loss(unroll, cell, point):
    params, xs, offset = point
    state = jax.tree.map(jnp.add, cell.initial_state(params, (BATCH,)), offset)
    _, ys = unroll(cell, params, xs, state)
    return jnp.sum(jnp.sin(3 * ys + jnp.arange(ys.size).reshape(ys.shape)))


_gradient = jax.jit(jax.grad(_loss, argnums=2), static_argnums=(0, 1))


def _compare(mode, name, derivative, difference):
    if not np.isclose(derivative, difference, rtol=1e-5, atol=1e-6):
        fail(
            f"gradients: along {name} {mode} mode gives {derivative:.6g}, finite "
            f"differences {difference:.6g}",
            "a stop_gradient or a custom derivative in step or project is wrong",
        )
