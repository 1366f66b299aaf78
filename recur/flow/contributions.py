# SPDX-License-Identifier: Apache-2.0
"""The contribution of each time step to the gradient of the parameters."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur.cell import Cell, Params, State
from recur.flow.adjoint import (
    Loss,
    batch_shape_of,
    direct_adjoints,
    pull_back,
    trajectory,
)
from recur.flow.scaled import ABSENT, decades, rescale, scale, scale_far


class Contributions(NamedTuple):
    """The gradient of the parameters, step by step.

    Attributes:
      gradient: the sum over all steps, equal to `jax.grad`.
      log10_norm: `[T]` for each leaf, log10 of the L2 norm of the term of step t.
      cosine: `[T]` for each leaf, between the term of step t and the sum.
    """

    gradient: Params
    log10_norm: Params
    cosine: Params


def contributions(
    cell: Cell, params: Params, xs: jax.Array, loss: Loss, state: State | None = None
) -> Contributions:
    """Compute g_t = (ds_t/dtheta)^T dL/ds_t, s_{t-1} held fixed; their sum is dL/dtheta.

    Two passes over time, the first for the sum, hold one g_t in memory at a time, not T
    copies of the weights. No term underflows. The gradient through a learned initial state
    belongs to no step and is not included.

    Args:
      cell: any cell.
      params: its parameters.
      xs: `[T, *B, I]` inputs.
      loss: `states -> scalar`, as in `adjoints`.
      state: the state before the first step; `cell.initial_state` if None.

    Raises:
      ValueError: the loss is not scalar, or `xs` does not fit `params`.
    """
    run = trajectory(cell, params, xs, state)
    _, direct = direct_adjoints(loss, run.states)
    batch_shape = batch_shape_of(xs)
    direct = rescale(direct, (len(jax.tree.leaves(xs)[0]), *batch_shape))
    total = pull_back(cell, params, run, direct)
    peaks = total.exponent.reshape(len(total.exponent), -1).max(1)

    def contribution(step):
        """Compute g_t / 2**peak."""
        before, x, adjoint, peak = step

        def apply(params):
            u = jax.tree.map(lambda u: u[0], cell.project(params, _one_step(x)))
            return cell.step(params, before, u)[0]

        _, pull = jax.vjp(apply, params)
        power = adjoint.exponent - peak
        return pull(jax.tree.map(lambda m: scale(m, power), adjoint.mantissa))[0]

    steps = run.before, xs, total, peaks
    highest = peaks.max(initial=ABSENT)

    def accumulate(gradient, step):
        factor = jnp.maximum(step[-1] - highest, ABSENT)
        return jax.tree.map(
            lambda g, more: g + scale(more, factor), gradient, contribution(step)
        ), None

    zeros = jax.tree.map(jnp.zeros_like, params)
    whole, _ = jax.lax.scan(accumulate, zeros, steps)

    def compare(step):
        part = contribution(step)
        log_norm = lambda g: jnp.log10(_norm(g)) + decades(step[-1], g.dtype)
        norms = jax.tree.map(log_norm, part)
        return norms, jax.tree.map(_cosine, part, whole)

    norms, cosines = jax.lax.map(compare, steps)
    return Contributions(jax.tree.map(lambda g: scale_far(g, highest), whole), norms, cosines)


def _one_step(x):
    return jax.tree.map(lambda leaf: leaf[None], x)


def _norm(g):
    """The L2 norm, also of entries whose squares underflow."""
    peak = jnp.abs(g).max(initial=0)
    return peak * jnp.sqrt(jnp.square(g / jnp.where(peak > 0, peak, 1)).sum())


def _cosine(a, b):
    """The cosine of the angle between two arrays, 0 if one of them is zero."""
    return jnp.vdot(_unit(a), _unit(b)).real


def _unit(g):
    size = _norm(g)
    return g / jnp.where(size > 0, size, 1)
