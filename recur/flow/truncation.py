# SPDX-License-Identifier: Apache-2.0
"""The bias of truncated backpropagation through time."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur.cell import Cell, Params, State
from recur.flow.adjoint import Loss, batch_shape_of, check_scalar


class Truncation(NamedTuple):
    """The truncated gradient of the parameters, compared with the full one.

    Attributes:
      lengths: `[N]` steps between borders.
      cosine: `[N]` between truncated and full; NaN where one of them is zero.
      ratio: `[N]` the norm of the truncated over the norm of the full.
    """

    lengths: jax.Array
    cosine: jax.Array
    ratio: jax.Array


def truncation(
    cell: Cell,
    params: Params,
    xs: jax.Array,
    loss: Loss,
    lengths: Sequence[int],
    state: State | None = None,
) -> Truncation:
    """Truncate the gradient at a border every `length` steps, and compare with the full one.

    As in `recur.tbptt`, values cross a border and gradients do not. Borders are counted
    from the end, so the gradient of a loss of the last step reaches `length` steps back.

    Args:
      cell: any cell.
      params: its parameters.
      xs: `[T, *B, I]` inputs.
      loss: `states -> scalar`, as in `adjoints`.
      lengths: steps between borders, each 1 to T.
      state: the state before the first step; `cell.initial_state` if None.

    Raises:
      ValueError: a length is below 1 or above T, or the loss is not scalar.
    """
    steps = len(jax.tree.leaves(xs)[0])
    for length in lengths:
        if not 1 <= length <= steps:
            raise ValueError(f"lengths must be 1 to {steps}, the length of xs; got {length}")
    first = cell.initial_state(params, batch_shape_of(xs)) if state is None else state

    def gradient(borders):
        def value(params):
            us = cell.project(params, xs)

            def step(state, x):
                u, border = x
                detach = lambda s: jnp.where(border, jax.lax.stop_gradient(s), s)
                state, _ = cell.step(params, jax.tree.map(detach, state), u)
                return state, state

            states = jax.lax.scan(step, first, (us, borders))[1]
            check_scalar(loss, states)
            return loss(states)

        leaves = jax.tree.leaves(jax.grad(value)(params))
        return jnp.concatenate([leaf.ravel() for leaf in leaves])

    def compare(length):
        cut = gradient((steps - jnp.arange(steps)) % length == 0)
        size, whole = jnp.linalg.norm(cut), jnp.linalg.norm(full)
        return cut @ full / (size * whole), size / whole

    full = gradient(jnp.zeros(steps, bool))
    tried = jnp.asarray(lengths)
    return Truncation(tried, *jax.lax.map(compare, tried))
