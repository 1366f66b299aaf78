# SPDX-License-Identifier: Apache-2.0
"""Jacobians of a step, and the singular values of their products over time."""

from collections.abc import Callable, Collection
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from recur.cell import Cell, Params, State
from recur.flow.adjoint import batch_shape_of, restricted_step, trajectory
from recur.flow.scaled import ABSENT, decades, rescale


EXACT = 512
"""The largest size n of the state for dense products: n^2 numbers, n^3 work a step."""


class Flat(NamedTuple):
    """A trajectory with states ravelled to vectors, and N batch elements on one axis.

    Attributes:
      step: `(s [n], u of one element) -> s [n]`.
      before: `[T, N, n]`, the state before every step.
      us: `[T, N, ...]`.
    """

    step: Callable[[jax.Array, jax.Array], jax.Array]
    before: jax.Array
    us: jax.Array


def flatten(
    cell: Cell,
    params: Params,
    xs: jax.Array,
    state: State | None = None,
    through: Collection[str] | None = None,
) -> Flat:
    """Run a cell and ravel the leaves of its states in order."""
    run = trajectory(cell, params, xs, state)
    rank = 1 + len(batch_shape_of(xs))

    def join(leaf):
        return leaf.reshape(len(leaf), -1, *leaf.shape[rank:])

    before, us = jax.tree.map(join, (run.before, run.us))
    one = jax.tree.map(lambda leaf: leaf[0, 0], before)
    _, unravel = ravel_pytree(one)
    step = restricted_step(cell, params, one, jax.tree.map(lambda u: u[:, 0], us), through)
    return Flat(
        step=lambda s, u: ravel_pytree(step(params, unravel(s), u))[0],
        before=jax.vmap(jax.vmap(lambda s: ravel_pytree(s)[0]))(before),
        us=us,
    )


def step_jacobians(
    cell: Cell,
    params: Params,
    xs: jax.Array,
    state: State | None = None,
    through: Collection[str] | None = None,
) -> jax.Array:
    """Compute ds_t/ds_{t-1} of every step.

    Args:
      cell: any cell.
      params: its parameters.
      xs: `[T, *B, I]` inputs.
      state: the state before the first step; `cell.initial_state` if None.
      through: names of the paths that gradient may take; None is all.

    Returns:
      `[T, *B, n, n]`, d s_t[i] / d s_{t-1}[j] in row i and column j, with the leaves of
      the state ravelled in order.

    Raises:
      ValueError: `xs` does not fit `params`, or a path is unknown.
    """
    flat = flatten(cell, params, xs, state, through)
    jacobians = jax.vmap(jax.jacfwd(flat.step))
    found = jax.lax.map(lambda x: jacobians(*x), (flat.before, flat.us))
    return found.reshape(len(found), *batch_shape_of(xs), *found.shape[2:])


def spectral_radius(jacobians: jax.Array) -> jax.Array:
    """Compute the largest magnitude of an eigenvalue: `[..., n, n] -> [...]`."""
    return jnp.abs(jnp.linalg.eigvals(jacobians)).max(-1)


def singular_values_by_lag(
    cell: Cell,
    params: Params,
    xs: jax.Array,
    count: int = 1,
    state: State | None = None,
    through: Collection[str] | None = None,
) -> jax.Array:
    """Compute log10 of the largest singular values of ds_{T-1}/ds_{T-1-k}, for every lag k.

    Dense products take n^2 numbers and n^3 work a step, so this is for narrow cells; see
    `window_singular_values` for wide ones. A singular value below the precision of the
    dtype times the largest one is rounding error.

    Args:
      cell, params, xs, state, through: as `step_jacobians`.
      count: the number of singular values.

    Raises:
      ValueError: as `step_jacobians`.

    Returns:
      `[T, *B, count]` by lag; 0 at lag 0, where the product is the identity.
    """
    flat = flatten(cell, params, xs, state, through)
    jacobians = jax.vmap(jax.jacfwd(flat.step))
    elements, n = flat.before.shape[1:]

    def earlier(carry, x):
        product, exponent = carry
        values = jnp.linalg.svd(product, compute_uv=False)[:, :count]
        found = jnp.log10(values) + decades(exponent, values.dtype)[:, None]
        mantissa, power = rescale(product @ jacobians(*x), (elements,))
        return (mantissa, jnp.maximum(exponent + power, ABSENT)), found

    eye = jnp.broadcast_to(jnp.eye(n, dtype=flat.before.dtype), (elements, n, n))
    start = eye, jnp.zeros(elements, jnp.int32)
    _, found = jax.lax.scan(earlier, start, (flat.before, flat.us), reverse=True)
    return found[::-1].reshape(len(found), *batch_shape_of(xs), -1)
