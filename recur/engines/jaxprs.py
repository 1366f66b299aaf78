# SPDX-License-Identifier: Apache-2.0
"""Jaxprs as lists of equations that can be sorted and evaluated piece by piece."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var


CALLS = {"jit": "jaxpr", "pjit": "jaxpr", "closed_call": "call_jaxpr"}
"""Primitives that do nothing but call, and the parameter that holds what they call."""

Env = dict[Var, Any]
"""The value of each variable."""


def flat_jaxpr(function: Callable[..., Any], examples: Sequence[Any]) -> tuple[Any, Any]:
    """`(closed jaxpr, shapes of the output)` of a function of arrays, calls inlined."""
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
    """What an equation makes of these values."""
    out = eqn.primitive.bind(*values, **eqn.primitive.get_bind_params(eqn.params))
    return out if eqn.primitive.multiple_results else [out]


def read(env: Env, atom: Any) -> Any:
    """The value of a variable or a literal."""
    return atom.val if isinstance(atom, Literal) else env[atom]


def evaluate(eqns: Iterable[JaxprEqn], env: Env) -> None:
    """Add what the equations compute to `env`."""
    for eqn in eqns:
        out = bind(eqn, [read(env, atom) for atom in eqn.invars])
        env |= zip(eqn.outvars, out, strict=True)


def variables(atoms: Iterable[Any]) -> list[Var]:
    """Those of the atoms that are variables, each once."""
    return list(dict.fromkeys(atom for atom in atoms if not isinstance(atom, Literal)))


def partition(
    eqns: Iterable[JaxprEqn],
    seen: set[Var],
    admit: Callable[[JaxprEqn], bool] | None = None,
) -> tuple[list[JaxprEqn], list[JaxprEqn], set[Var]]:
    """Equations that follow from `seen` and are admitted, all others, and all seen then."""
    inside, outside = [], []
    for eqn in eqns:
        if (admit is None or admit(eqn)) and seen.issuperset(variables(eqn.invars)):
            inside.append(eqn)
            seen = seen.union(eqn.outvars)
        else:
            outside.append(eqn)
    return inside, outside, seen
