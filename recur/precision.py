# SPDX-License-Identifier: Apache-2.0
"""Matrix products in bfloat16, and all else as precise as the parameters."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from recur.cell import Cell
from recur.jaxpr import bind, flat_jaxpr, read


NARROW = jnp.bfloat16


def mixed(cell: Cell) -> Cell:
    """The cell with every matrix product, and those of its gradient, in bfloat16.

    Operands are rounded to 8 significant bits, and so is the product, but where XLA sees
    that it can do without; parameters, states and gates keep their precision, so that a
    state can still change by little. Works for any cell: products are found in its jaxpr.

    Paper: Micikevicius et al., "Mixed precision training", 2018.
    """
    return cell._replace(
        project=_with_narrow_products(cell.project), step=_with_narrow_products(cell.step)
    )


def _with_narrow_products(function: Callable[..., Any]) -> Callable[..., Any]:
    def narrowed(*arguments):
        leaves, structure = jax.tree.flatten(arguments)
        shapes = [jax.ShapeDtypeStruct(jnp.shape(v), jnp.result_type(v)) for v in leaves]
        closed, out = flat_jaxpr(
            lambda *leaves: function(*jax.tree.unflatten(structure, leaves)), shapes
        )
        env = dict(zip(closed.jaxpr.constvars, closed.consts, strict=True))
        env |= zip(closed.jaxpr.invars, leaves, strict=True)
        for eqn in closed.jaxpr.eqns:
            values = [read(env, atom) for atom in eqn.invars]
            product = eqn.primitive.name == "dot_general"
            results = _narrow(eqn, values) if product else bind(eqn, values)
            env |= zip(eqn.outvars, results, strict=True)
        values = [read(env, atom) for atom in closed.jaxpr.outvars]
        return jax.tree.unflatten(jax.tree.structure(out), values)

    return narrowed


def _narrow(eqn, values):
    """A product of rounded operands. It is rounded too, since a product that came out
    wider would have a wider cotangent, and the reverse pass wide products."""
    left, right = (value.astype(NARROW) for value in values)
    product = jax.lax.dot_general(left, right, eqn.params["dimension_numbers"])
    return [product.astype(eqn.outvars[0].aval.dtype)]
