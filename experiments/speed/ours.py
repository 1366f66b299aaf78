# SPDX-License-Identifier: Apache-2.0
"""`recur` itself: the engine it chooses, its plain scan, its precisions, a fork's cell."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

import recur
from experiments.speed.work import Programs, Shape, in_jax, make_inputs, make_params
from recur.cell import Cell


@recur.factory
def keeper(hidden: int) -> recur.Cell:
    """h_t = h_{t-1} + sigma(k_t) * (tanh(n_t) - h_{t-1}),  [k_t, n_t] = W_h h + W_x x + b.

    What a fork would write, with no thought of speed.
    """
    init = recur.affine_init(hidden, gate_biases=(-1.0, 0.0))

    def initial_state(params, batch_shape):
        return jnp.zeros((*batch_shape, hidden), params.w_h.dtype)

    def step(params, h, u):
        k, n = jnp.split(h @ params.w_h + u, 2, axis=-1)
        h = h + jax.nn.sigmoid(k) * (jnp.tanh(n) - h)
        return h, h

    return recur.Cell(init, initial_state, recur.affine_project("keeper"), step)


class Variant(NamedTuple):
    """A configuration of `recur`.

    Attributes:
      engine: by its name.
      change: of the cell.
      dtype: of parameters and inputs.
    """

    engine: str = "auto"
    change: Callable[[Cell], Cell] = lambda cell: cell
    dtype: Any = jnp.float32


VARIANTS = {"recur": Variant(), "recur scan": Variant(engine="scan")}

PRECISIONS = {
    "recur mixed": Variant(change=recur.mixed),
    "recur bfloat16": Variant(dtype=jnp.bfloat16),
}


def ours(variant: Variant, cell: Cell, shape: Shape) -> Programs:
    """The work, done by `recur`."""
    changed = variant.change(cell)

    def run(params, xs):
        return recur.unroll(changed, params, xs, engine=variant.engine)[1]

    cast = functools.partial(jnp.asarray, dtype=variant.dtype)
    params = jax.tree.map(cast, make_params(cell, shape))
    return in_jax(run, params, cast(make_inputs(shape)))
