# SPDX-License-Identifier: Apache-2.0
"""Matrix products in bfloat16, everything else in the precision of the parameters."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from recur.cell import Cell
from recur.jaxpr import bind, flat_jaxpr, read


NARROW = jnp.bfloat16


def mixed(cell: Cell) -> Cell:
    """Compute the matrix products of a cell and of its gradient in bfloat16.

    Operands and products are rounded to 8 significant bits; XLA may leave out the rounding
    of a product. Parameters, states and gates keep their precision, so that a state can
    still change in small steps. Works on the cell's jaxpr, so on custom cells too.

    Args:
      cell: any cell.

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
    """Multiply rounded operands into a rounded product.

    A product in float32 would have a float32 cotangent, and the reverse pass would then
    multiply in float32.
    """
    left, right = (value.astype(NARROW) for value in values)
    product = jax.lax.dot_general(left, right, eqn.params["dimension_numbers"])
    return [product.astype(eqn.outvars[0].aval.dtype)]
