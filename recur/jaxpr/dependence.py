# SPDX-License-Identifier: Apache-2.0
"""Tell from the jaxpr of a function how its outputs depend on its inputs.

An output can be independent of an input, affine in it element by element, or neither.
"""

import enum
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Literal


class Kind(enum.IntEnum):
    """How a value depends on chosen inputs; of two operands the larger kind prevails."""

    NONE = 0
    AFFINE = 1
    """Element i is a_i x_i + b_i, where neither a nor b depends on x."""
    OTHER = 2


SUMS = {"add", "add_any", "sub", "neg", "copy", "select_n", "broadcast_in_dim", "reshape"}
"""Primitives that are affine in all operands together. The predicate of `select_n` is not
an affine operand: it is boolean, and the primitive that made it is of kind OTHER."""

CALLS = {"jit", "pjit", "closed_call", "remat2", "checkpoint"}
CUSTOM = {"custom_jvp_call", "custom_vjp_call"}


def depends(
    function: Callable[..., Any], examples: Sequence[Any], chosen: Sequence[int]
) -> list[tuple[Kind, str]]:
    """Find, for each output, how it depends on the chosen inputs together.

    Args:
      function: of flat arrays, to a flat sequence of arrays.
      examples: its inputs, or their shapes and dtypes.
      chosen: indices of the inputs in question; the other inputs count as constants.

    Returns:
      `(kind, primitive)` for each output, with the name of the first primitive that is
      not affine, or "".
    """
    jaxpr = jax.make_jaxpr(function)(*examples).jaxpr
    kinds = [(Kind.AFFINE if i in chosen else Kind.NONE, "") for i in range(len(examples))]
    return _walk(jaxpr, kinds)


def _walk(jaxpr, kinds):
    found = dict(zip(jaxpr.invars, kinds, strict=True))

    def read(atom):
        constant = isinstance(atom, Literal) or atom not in found
        return (Kind.NONE, "") if constant else found[atom]

    for eqn in jaxpr.eqns:
        out = _through(eqn, [read(atom) for atom in eqn.invars])
        found |= zip(eqn.outvars, out, strict=True)
    return [read(atom) for atom in jaxpr.outvars]


def _through(eqn, operands):
    """Kinds of the outputs of one equation."""
    worst = max(operands, default=(Kind.NONE, ""))
    if worst[0] is Kind.NONE:
        return [(Kind.NONE, "")] * len(eqn.outvars)
    name = eqn.primitive.name
    if name in CALLS or name in CUSTOM:
        inner = eqn.params["jaxpr" if name in CALLS else "call_jaxpr"]
        return _walk(getattr(inner, "jaxpr", inner), operands)
    if worst[0] is Kind.AFFINE and not _is_affine(eqn, [kind for kind, _ in operands]):
        worst = Kind.OTHER, name
    return [worst] * len(eqn.outvars)


def _is_affine(eqn, kinds):
    """Whether a primitive keeps an affine dependence affine, element by element.

    Changes of shape are allowed: to get back to the shape of the state, a function needs
    the inverse reshape, which restores the order of elements, or a primitive of kind
    OTHER.
    """
    match eqn.primitive.name:
        case "mul":
            return Kind.NONE in kinds
        case "div":
            return kinds[1] is Kind.NONE
        case "convert_element_type":
            return jnp.issubdtype(eqn.params["new_dtype"], jnp.inexact)
        case name:
            return name in SUMS
