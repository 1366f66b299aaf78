# SPDX-License-Identifier: Apache-2.0
"""Evaluate and sort the equations of a jaxpr."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var


CALLS = {"jit": "jaxpr", "pjit": "jaxpr", "closed_call": "call_jaxpr"}
"""Primitives that only call another jaxpr, and the parameter that holds it."""

Env = dict[Var, Any]
"""The value of each variable."""


def flat_jaxpr(function: Callable[..., Any], examples: Sequence[Any]) -> tuple[Any, Any]:
    """Trace a function of arrays, with calls inlined.

    Args:
      function: of arrays, to any pytree.
      examples: its arguments, or their shapes and dtypes.

    Returns:
      `(closed jaxpr, shapes of the output)`.
    """
    called, out = jax.make_jaxpr(function, return_shape=True)(*examples)

    def inlined(*arguments):
        return _evaluate_inlined(called, arguments)

    closed: ClosedJaxpr = jax.make_jaxpr(inlined)(*examples)
    return closed, out


def _evaluate_inlined(closed, arguments):
    jaxpr: Jaxpr = closed.jaxpr
    env: Env = dict(zip(jaxpr.constvars, closed.consts, strict=True))
    env |= zip(jaxpr.invars, arguments, strict=True)
    for eqn in jaxpr.eqns:
        values = [read(env, atom) for atom in eqn.invars]
        if eqn.primitive.name in CALLS:
            out = _evaluate_inlined(eqn.params[CALLS[eqn.primitive.name]], values)
        else:
            out = bind(eqn, values)
        env |= zip(eqn.outvars, out, strict=True)
    return [read(env, atom) for atom in jaxpr.outvars]


def bind(eqn: JaxprEqn, values: Sequence[Any]) -> Sequence[Any]:
    """Apply the primitive of an equation to operands."""
    out = eqn.primitive.bind(*values, **eqn.primitive.get_bind_params(eqn.params))
    return out if eqn.primitive.multiple_results else [out]


def read(env: Env, atom: Any) -> Any:
    """Look up the value of a variable or a literal."""
    return atom.val if isinstance(atom, Literal) else env[atom]


def evaluate(eqns: Iterable[JaxprEqn], env: Env) -> None:
    """Evaluate equations in order and add their outputs to `env`."""
    for eqn in eqns:
        out = bind(eqn, [read(env, atom) for atom in eqn.invars])
        env |= zip(eqn.outvars, out, strict=True)


def variables(atoms: Iterable[Any]) -> list[Var]:
    """Drop literals and repetitions."""
    return list(dict.fromkeys(atom for atom in atoms if not isinstance(atom, Literal)))


def partition(
    eqns: Iterable[JaxprEqn],
    known: set[Var],
    admit: Callable[[JaxprEqn], bool] | None = None,
) -> tuple[list[JaxprEqn], list[JaxprEqn], set[Var]]:
    """Split equations into those that can be computed from known variables and the others.

    Args:
      eqns: in the order of the jaxpr.
      known: variables whose values are given.
      admit: leaves an equation with the others where it is false; None admits all.

    Returns:
      `(computable, others, known)`, where `known` includes the new outputs.
    """
    computable, others = [], []
    for eqn in eqns:
        if (admit is None or admit(eqn)) and known.issuperset(variables(eqn.invars)):
            computable.append(eqn)
            known = known.union(eqn.outvars)
        else:
            others.append(eqn)
    return computable, others, known
