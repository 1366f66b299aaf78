# SPDX-License-Identifier: Apache-2.0
"""Checks of the four functions of a cell."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from recur.testing.subject import (
    BATCH,
    STEPS,
    Subject,
    attempt,
    differs,
    fail,
    named_leaves,
)


def init_is_a_function_of_its_key(subject: Subject) -> None:
    """Parameters are finite arrays of floats, and equal for equal keys."""
    for name, leaf in named_leaves(subject.fresh, "params"):
        if not isinstance(leaf, jax.Array) or not jnp.issubdtype(leaf.dtype, jnp.floating):
            kind = getattr(leaf, "dtype", type(leaf).__name__)
            fail(
                f"init: {name} is {kind}, not an array of floats",
                "make sizes and switches arguments of the factory, not parameters",
            )
        if not jnp.isfinite(leaf).all():
            fail(f"init: {name} is not finite", "look for a logarithm of or division by zero")
    again = subject.cell.init(jax.random.key(0), subject.input_size)
    if differs(subject.fresh, again, rtol=0, atol=0):
        fail(
            "init: two calls with one key give different parameters",
            "init uses a global generator instead of its key",
        )


def the_initial_state_fits_any_batch(subject: Subject) -> None:
    """It is `[*B, ...]`, equal for all of the batch, in the dtype of the parameters."""
    cell, params = subject.cell, subject.params
    dtype = jnp.result_type(*jax.tree.leaves(params)) if jax.tree.leaves(params) else float
    one = attempt("initial_state", cell.initial_state, params, ())
    for batch in ((BATCH,), (2, BATCH)):
        state = attempt("initial_state", cell.initial_state, params, batch)
        if not _same_structure(state, one):
            fail(
                "initial_state: its structure depends on the batch shape",
                "return the same pytree for every batch shape",
            )
        alone = jax.tree.leaves(one)
        for (name, leaf), row in zip(named_leaves(state, "state"), alone, strict=True):
            if jnp.shape(leaf) != (*batch, *jnp.shape(row)):
                fail(
                    f"initial_state: {name} is {jnp.shape(leaf)} for batch_shape {batch}",
                    f"it must be {(*batch, *jnp.shape(row))}; use batch_shape",
                )
            if jnp.result_type(leaf) != dtype or getattr(leaf, "weak_type", False):
                fail(
                    f"initial_state: {name} is {jnp.result_type(leaf)}, params are {dtype}",
                    "use the dtype of a parameter, as in jnp.zeros(shape, w.dtype)",
                )
            if (leaf != row).any():
                fail(
                    f"initial_state: {name} differs between elements of the batch",
                    "a cell must treat the elements of a batch alike",
                )


def step_keeps_shapes_and_dtypes(subject: Subject) -> None:
    """The state after a step has the structure, shapes and dtypes of the one before."""
    cell, params = subject.cell, subject.params
    before = cell.initial_state(params, (BATCH,))
    us = attempt("project", cell.project, params, subject.xs)
    u = jax.tree.map(lambda leaf: leaf[0], us)
    after, y = attempt("step", cell.step, params, before, u)
    if not _same_structure(after, before):
        fail(
            f"step: the state is a {jax.tree.structure(before)} before and a "
            f"{jax.tree.structure(after)} after",
            "return (state, y) with the state in the type of initial_state",
        )
    leaves = jax.tree.leaves(after)
    for (name, old), new in zip(named_leaves(before, "state"), leaves, strict=True):
        if jnp.shape(new) != jnp.shape(old):
            fail(
                f"step: {name} is {jnp.shape(old)} before and {jnp.shape(new)} after",
                "a weight has the wrong shape, or an operation broadcasts",
            )
        if jnp.result_type(new) != jnp.result_type(old) or new.weak_type != old.weak_type:
            fail(
                f"step: {name} is {jnp.result_type(old)} before and "
                f"{jnp.result_type(new)} after",
                "an array in step has another dtype; cast it to that of the state",
            )
    if jnp.shape(y)[:-1] != (BATCH,):
        fail(
            f"step: y is {jnp.shape(y)} for a batch of {BATCH}",
            "it must be [*B, H], without a time axis",
        )


def the_output_is_the_first_leaf_of_the_state(subject: Subject) -> None:
    """y_t is h_t, so that adjoints of the state cover the output."""
    cell, params = subject.cell, subject.params
    state, ys = subject.unroll(cell, params, subject.xs)
    (name, first), *_ = named_leaves(state, "state")
    if jnp.shape(first) != ys.shape[1:] or differs(first, ys[-1]):
        fail(
            f"step: y is not {name}, the first leaf of the new state",
            "make the output the first field of the state, and leave a readout to the model",
        )


def project_treats_each_step_alone(subject: Subject) -> None:
    """u_t depends on x_t alone, so engines may project a sequence in any pieces."""
    cell, params, xs = subject.cell, subject.params, subject.xs
    whole = attempt("project", cell.project, params, xs)
    for name, leaf in named_leaves(whole, "us"):
        if jnp.shape(leaf)[:2] != (STEPS, BATCH):
            fail(
                f"project: {name} is {jnp.shape(leaf)} for xs {xs.shape}",
                "time and batch must be its leading axes",
            )
    parts = [cell.project(params, xs[t : t + 1]) for t in range(STEPS)]
    joined = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)
    if not differs(whole, joined):
        return
    if not differs(whole, jax.tree.map(lambda leaf: leaf[::-1], joined)):
        fail("project: it reverses time", "reverse is an argument of unroll")
    fail(
        "project: a whole sequence gives other values than single steps",
        "u_t depends on other steps than t, such as the next one or a mean over time",
    )


def step_is_pure(subject: Subject) -> None:
    """A scan over `step` equals a Python loop over it."""
    cell, params, xs = subject.cell, subject.params, subject.xs
    scanned = subject.unroll(cell, params, xs)
    state, us, ys = cell.initial_state(params, (BATCH,)), cell.project(params, xs), []
    for t in range(STEPS):
        state, y = cell.step(params, state, jax.tree.map(lambda leaf, t=t: leaf[t], us))
        ys.append(y)
    if differs(scanned, (state, jnp.stack(ys))):
        fail(
            "step: a scan over it differs from a Python loop over it",
            "it has a Python state such as a counter, or random numbers without a key: "
            "compilation freezes both",
        )


def a_batch_is_its_elements_one_by_one(subject: Subject) -> None:
    """Elements of a batch do not depend on each other."""
    cell, params, xs = subject.cell, subject.params, subject.xs
    _, together = subject.unroll(cell, params, xs)
    alone = [subject.unroll(cell, params, xs[:, b])[1] for b in range(BATCH)]
    if differs(together, jnp.stack(alone, axis=1)):
        fail(
            "step: elements of a batch depend on each other",
            "look for a mean, norm or softmax over the batch axis; use axis=-1",
        )


def seeds_can_be_mapped(subject: Subject) -> None:
    """`vmap` over parameters equals a loop over them."""
    cell, xs = subject.cell, subject.xs
    keys = jax.random.split(jax.random.key(3), 2)
    each = [cell.init(key, subject.input_size) for key in keys]
    params = jax.tree.map(lambda *leaves: jnp.stack(leaves), *each)
    together = jax.vmap(lambda p: subject.unroll(cell, p, xs)[1])(params)
    if differs(together, np.stack([subject.unroll(cell, p, xs)[1] for p in each])):
        fail("vmap: mapped seeds differ from single ones", "count axes from -1, not from 0")


def _same_structure(a, b):
    structures: list[Any] = [jax.tree.structure(tree) for tree in (a, b)]
    return structures[0] == structures[1]
