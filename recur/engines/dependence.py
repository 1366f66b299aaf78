# SPDX-License-Identifier: Apache-2.0
"""What a function does to each of its inputs, read off its jaxpr: nothing, an affine map
element by element, or something else."""

import enum
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Literal


class Kind(enum.IntEnum):
    """How a value depends on chosen inputs; the larger covers the smaller."""

    NONE = 0
    AFFINE = 1
    """Element i is a_i x_i + b_i, where neither a nor b depends on x."""
    OTHER = 2


SUMS = {"add", "add_any", "sub", "neg", "copy", "select_n", "broadcast_in_dim", "reshape"}
"""Affine in all operands together; a predicate is never an affine operand."""

CALLS = {"jit", "pjit", "closed_call", "remat2", "checkpoint"}
CUSTOM = {"custom_jvp_call", "custom_vjp_call"}


def depends(
    function: Callable[..., Any], examples: Sequence[Any], chosen: Sequence[int]
) -> list[tuple[Kind, str]]:
    """For each output, how it depends on the chosen inputs together.

    Args:
      function: of flat arrays, to a flat sequence of arrays.
      examples: its inputs, or their shapes and dtypes.
      chosen: indices of the inputs in question; all others count as constants.

    Returns:
      `(kind, primitive)` for each output, the first primitive that is not affine.
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

    What changes the shape may pass: there is no way back to it but the inverse reshape
    or a primitive that is not here.
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
