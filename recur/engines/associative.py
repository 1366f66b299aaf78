# SPDX-License-Identifier: Apache-2.0
"""All time steps in parallel, for cells that are affine in their state."""

import jax
import jax.numpy as jnp

from recur.engine import Engine
from recur.jaxpr import Kind, depends


def _run(cell, params, state, xs, *, reverse):
    us = cell.project(params, xs)
    first, structure = jax.tree.flatten(state)

    def step(leaves, u):
        after, y = cell.step(params, jax.tree.unflatten(structure, leaves), u)
        return jax.tree.leaves(after), y

    one = jax.tree.map(lambda u: jax.ShapeDtypeStruct(u.shape[1:], u.dtype), us)
    steps = len(jax.tree.leaves(us)[0])
    before = [jnp.broadcast_to(leaf, (steps, *leaf.shape)) for leaf in first]
    last = list(first)
    for group in _groups(step, first, one):
        recurrent = _is_recurrent(step, first, one, group, _names(state))
        solved = _solve(step, before, first, us, group, recurrent, reverse)
        for k, leaf in zip(group, solved, strict=True):
            ends = (leaf, first[k][None]) if reverse else (first[k][None], leaf)
            whole = jnp.concatenate(ends)
            last[k], before[k] = (
                (whole[0], whole[1:]) if reverse else (whole[-1], whole[:-1])
            )
    ys = jax.vmap(lambda leaves, u: step(leaves, u)[1])(before, us)
    return jax.tree.unflatten(structure, last), ys


def _groups(step, first, one):
    """Group leaves that depend on each other, so that no group depends on a later one."""
    indices = range(len(first))
    influenced = []  # influenced[j]: the leaves that depend on j after any number of steps
    for j in indices:
        kinds = _depends(step, first, one, [j])
        influenced.append({j} | {i for i in indices if kinds[i][0] is not Kind.NONE})
    for k in indices:
        influenced = [found | influenced[k] if k in found else found for found in influenced]
    mutual = [
        [k for k in indices if k in influenced[j] and j in influenced[k]] for j in indices
    ]
    order = sorted(indices, key=lambda j: -len(influenced[j]))
    return [mutual[j] for j in order if j == mutual[j][0]]


def _is_recurrent(step, first, one, group, names):
    """Whether a group depends on itself. Raises a TypeError if it does and is not affine."""
    kinds = _depends(step, first, one, group)
    for k in group:
        kind, primitive = kinds[k]
        if kind is Kind.OTHER or first[k].shape != first[group[0]].shape:
            raise TypeError(
                f"associative: state leaf {names[k]} is not an affine function of "
                f"{', '.join(names[j] for j in group)}, element by element (found "
                f"{primitive or 'different shapes'}); run this cell with jax.lax.scan"
            )
    return any(kinds[k][0] is Kind.AFFINE for k in group)


def _depends(step, first, one, chosen):
    flat, structure = jax.tree.flatten(one)

    def function(*inputs):
        leaves, u = inputs[: len(first)], inputs[len(first) :]
        return step(list(leaves), jax.tree.unflatten(structure, u))[0]

    return depends(function, [*first, *flat], chosen)


def _names(state):
    paths = [path for path, _ in jax.tree_util.tree_flatten_with_path(state)[0]]
    return [jax.tree_util.keystr(path, simple=True) or "h" for path in paths]


def _solve(step, before, first, us, group, recurrent, reverse):
    """Solve s_t = A_t s_{t-1} + b_t for a group of leaves, each `[T, *B, ...]`."""

    def affine(others, u):
        def moved(leaves):
            full = list(others)
            for k, leaf in zip(group, leaves, strict=True):
                full[k] = leaf
            after = step(full, u)[0]
            return jnp.stack([after[k] for k in group])

        zeros = [jnp.zeros_like(others[k]) for k in group]
        if not recurrent:
            return None, moved(zeros)
        columns = []
        for j in range(len(group)):
            unit = [jnp.ones_like(z) if i == j else z for i, z in enumerate(zeros)]
            offset, column = jax.jvp(moved, (zeros,), (unit,))
            columns.append(column)
        return jnp.stack(columns, axis=1), offset

    matrices, offsets = jax.vmap(affine)(before, us)
    if recurrent:
        product, offsets = jax.lax.associative_scan(
            _compose, (matrices, offsets), reverse=reverse
        )
        start = jnp.stack([first[k] for k in group])
        offsets = (product * start).sum(2) + offsets
    return jnp.moveaxis(offsets, 1, 0)


def _compose(earlier, later):
    """A = A_2 A_1 and b = A_2 b_1 + b_2, elementwise, for L leaves: A is `[T, L, L, ...]`."""
    (a_1, b_1), (a_2, b_2) = earlier, later
    return (a_2[:, :, :, None] * a_1[:, None]).sum(2), (a_2 * b_1[:, None]).sum(2) + b_2


associative = Engine(_run)
"""Solve s_t = A_t s_{t-1} + b_t by an associative scan, of depth log T instead of T.

The step must be affine in its state element by element, which is checked on its jaxpr; A
and b are derivatives of the step. minGRU, minLSTM, LRU and custom cells qualify, masked
and with resets too. Leaves are solved in groups that depend on each other; a leaf may be
any function of a group that is solved before it.

Raises:
  TypeError: the cell is not affine in its state; names the leaf and the operation.

Paper: Blelloch, "Prefix sums and their applications", 1990; Martin & Cundy,
"Parallelizing linear recurrent neural nets over sequence length", 2018.
"""
