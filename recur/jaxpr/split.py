# SPDX-License-Identifier: Apache-2.0
"""Split the step of a cell by what its equations depend on.

`split_step` works on the step's jaxpr, so custom cells benefit.
"""

import math
from collections import Counter
from typing import Any

import jax
from jax.extend.core import Literal

from recur.cell import Cell, Params, State
from recur.jaxpr.equations import flat_jaxpr, partition, variables
from recur.jaxpr.step_parts import Product, StepParts


def split_step(cell: Cell, params: Params, state: State, us: Any) -> StepParts:
    """Trace a step and sort its equations: parameters only, inputs only, the state.

    Args:
      cell: any cell.
      params: its parameters, or their shapes.
      state: its state, or the shapes.
      us: the output of `cell.project` for all time steps, or the shapes.
    """
    u = jax.tree.map(lambda u: jax.ShapeDtypeStruct(u.shape[1:], u.dtype), us)
    leaves, structure = jax.tree.flatten((params, state, u))
    examples = [jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in leaves]
    closed, out = flat_jaxpr(
        lambda *leaves: cell.step(*jax.tree.unflatten(structure, leaves)), examples
    )
    jaxpr = closed.jaxpr
    first = len(jax.tree.leaves(params))
    last = first + len(jax.tree.leaves(state))
    param_vars = [*jaxpr.constvars, *jaxpr.invars[:first]]
    u_vars = list(jaxpr.invars[last:])

    params_only, others, from_params = partition(jaxpr.eqns, set(param_vars))
    inputs_only, others, known = partition(
        others, from_params.union(u_vars), lambda eqn: not _grows(eqn, from_params)
    )
    state_independent = known - from_params
    recurrent = _with_products(others, from_params, state_independent, jaxpr.outvars)

    read = variables([*(v for part in recurrent for v in part.invars), *jaxpr.outvars])
    read_earlier = variables(v for eqn in inputs_only for v in eqn.invars)
    plain = [part for part in recurrent if not isinstance(part, Product)]
    read_plain = variables([*(v for eqn in plain for v in eqn.invars), *jaxpr.outvars])
    return StepParts(
        jaxpr=jaxpr,
        constants=list(closed.consts),
        structure=jax.tree.structure(out),
        param_vars=param_vars,
        state_vars=list(jaxpr.invars[first:last]),
        u_vars=u_vars,
        params_only=params_only,
        inputs_only=inputs_only,
        recurrent=recurrent,
        weight_vars=[v for v in variables([*read_earlier, *read]) if v in from_params],
        outside_products=from_params.intersection(read_plain),
        input_vars=[var for var in read if var in state_independent],
    )


def _grows(eqn, from_params):
    """Whether the outputs of an equation, stacked over time, outgrow its operands.

    Such an equation, a broadcast for example, is cheaper inside the loop.
    """
    size = lambda atoms: sum(math.prod(var.aval.shape) for var in atoms)
    return size(eqn.outvars) > size(set(variables(eqn.invars)) - from_params)


def _with_products(eqns, from_params, state_independent, outvars):
    """Replace each `dot_general` of state and weight, and its addition, by a `Product`."""
    reads = Counter(v for eqn in eqns for v in eqn.invars if not isinstance(v, Literal))
    reads.update(v for v in outvars if not isinstance(v, Literal))
    products, merged = {}, set()
    for eqn in eqns:
        side = _state_side(eqn, from_params)
        if side is not None:
            products[eqn.outvars[0]] = Product(eqn, side, None, eqn.outvars[0])
    for eqn in eqns:
        read_once = [v for v in variables(eqn.invars) if reads[v] == 1]
        zs = [v for v in read_once if v in products]
        addends = [v for v in read_once if v in state_independent]
        if eqn.primitive.name == "add" and zs and addends:
            product = products[zs[0]]._replace(addend=addends[0], out=eqn.outvars[0])
            products[zs[0]] = product
            merged.add(product.out)
    return [
        products.get(eqn.outvars[0], eqn) for eqn in eqns if eqn.outvars[0] not in merged
    ]


def _state_side(eqn, from_params):
    """Index of the state-dependent operand of a state-by-parameter product, else None."""
    if eqn.primitive.name != "dot_general":
        return None
    (axes, _), (batch, _) = eqn.params["dimension_numbers"]
    fixed = [isinstance(v, Literal) or v in from_params for v in eqn.invars]
    if len(axes) != 1 or batch or sum(fixed) != 1:
        return None
    side = fixed.index(False)
    return side if eqn.invars[1 - side].aval.ndim == 2 else None
