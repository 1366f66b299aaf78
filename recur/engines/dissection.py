# SPDX-License-Identifier: Apache-2.0
"""Taking the step of a cell apart, by its jaxpr: any cell, without its author's help."""

import math
from collections import Counter
from typing import Any

import jax
from jax.extend.core import Literal

from recur.cell import Cell, Params, State
from recur.engines.anatomy import Anatomy, Product
from recur.engines.jaxprs import flat_jaxpr, partition, variables


def dissect(cell: Cell, params: Params, state: State, us: Any) -> Anatomy:
    """Take the step of a cell apart.

    Args:
      cell: any cell.
      params: its parameters.
      state: its state.
      us: its inputs for all time steps, or their shapes.
    """
    one = jax.tree.map(lambda u: jax.ShapeDtypeStruct(u.shape[1:], u.dtype), us)
    leaves, structure = jax.tree.flatten((params, state, one))
    examples = [jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in leaves]
    closed, out = flat_jaxpr(
        lambda *leaves: cell.step(*jax.tree.unflatten(structure, leaves)), examples
    )
    jaxpr = closed.jaxpr
    first = len(jax.tree.leaves(params))
    last = first + len(jax.tree.leaves(state))
    given, u = [*jaxpr.constvars, *jaxpr.invars[:first]], jaxpr.invars[last:]
    once, others, known = partition(jaxpr.eqns, set(given))
    ahead, others, seen = partition(
        others, known.union(u), lambda eqn: not _grows(eqn, known)
    )
    foreseen = seen - known
    rest = _with_products(others, known, foreseen, jaxpr.outvars)
    used = variables([*(v for part in rest for v in part.invars), *jaxpr.outvars])
    plain = [part for part in rest if not isinstance(part, Product)]
    above = variables(v for eqn in ahead for v in eqn.invars)
    return Anatomy(
        jaxpr=jaxpr,
        constants=list(closed.consts),
        structure=jax.tree.structure(out),
        given=given,
        state=list(jaxpr.invars[first:last]),
        u=list(u),
        once=once,
        ahead=ahead,
        rest=rest,
        weights=[var for var in variables([*above, *used]) if var in known],
        direct=known.intersection(
            variables([*(v for eqn in plain for v in eqn.invars), *jaxpr.outvars])
        ),
        inputs=[var for var in used if var in foreseen],
    )


def _grows(eqn, known):
    """Done for all time steps at once, it would need more memory than its operands."""
    size = lambda atoms: sum(math.prod(var.aval.shape) for var in atoms)
    return size(eqn.outvars) > size(set(variables(eqn.invars)) - known)


def _with_products(eqns, known, foreseen, outvars):
    """The equations, every product with its addend in the place of its `dot_general`."""
    reads = Counter(v for eqn in eqns for v in eqn.invars if not isinstance(v, Literal))
    reads.update(v for v in outvars if not isinstance(v, Literal))
    products, merged = {}, set()
    for eqn in eqns:
        side = _side(eqn, known)
        if side is not None:
            products[eqn.outvars[0]] = Product(eqn, side, None, eqn.outvars[0])
    for eqn in eqns:
        pair = [v for v in variables(eqn.invars) if reads[v] == 1]
        zs = [v for v in pair if v in products]
        addends = [v for v in pair if v in foreseen]
        if eqn.primitive.name == "add" and zs and addends:
            product = products[zs[0]]._replace(addend=addends[0], out=eqn.outvars[0])
            products[zs[0]] = product
            merged.add(product.out)
    return [
        products.get(eqn.outvars[0], eqn) for eqn in eqns if eqn.outvars[0] not in merged
    ]


def _side(eqn, known):
    """Which operand of a product of something and parameters is the something."""
    if eqn.primitive.name != "dot_general":
        return None
    (axes, _), (batch, _) = eqn.params["dimension_numbers"]
    fixed = [isinstance(v, Literal) or v in known for v in eqn.invars]
    if len(axes) != 1 or batch or sum(fixed) != 1:
        return None
    side = fixed.index(False)
    return side if eqn.invars[1 - side].aval.ndim == 2 else None
