# SPDX-License-Identifier: Apache-2.0
"""Paths of a step, to split the Jacobian ds_t/ds_{t-1} into terms.

A path is a route from s_{t-1} to s_t, labelled by the first named value on it, or by
`carry` if there is none. The step is s_t = F(s, s, ..., s) with one copy of s_{t-1} for
each path, and by the chain rule the derivatives by the copies add up to the Jacobian. In
an LSTM, `carry` is c_t = f * c_{t-1} with the gate f held fixed, the constant error
carousel of Hochreiter & Schmidhuber (1997), and `forget` is the route through f.

Names come from `recur.names`. In a cell without names, the named values are the products
of the state with a matrix of parameters, labelled by the name of the matrix.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import jax

from recur.cell import Cell, Params, State
from recur.jaxpr import bind, evaluate, read, split_step, variables


CARRY = "carry"
"""The label of the path through no named value."""


class Paths(NamedTuple):
    """The step of a cell as a function of one state for each path.

    Attributes:
      names: of the paths, `carry` first, then in the order of the step.
      step: `(params, {path: state}, u, probes) -> state`. A probe `{name: array}` is added
        to the named value; names without a probe are allowed.
      values: `(params, state, u) -> {name: value}`, the named values.
      squashed: `(params, state, u) -> {name: value}`, after the sigmoid or tanh that reads
        the named value first; names without one are missing.
      squash: name -> `logistic` or `tanh`, the function in `squashed`.
    """

    names: tuple[str, ...]
    step: Callable[..., State]
    values: Callable[[Params, State, Any], dict[str, jax.Array]]
    squashed: Callable[[Params, State, Any], dict[str, jax.Array]]
    squash: dict[str, str]


def paths_of(cell: Cell, params: Params, state: State, us: Any) -> Paths:
    """Find the paths of a cell.

    Args:
      cell: any cell.
      params: its parameters, or their shapes.
      state: its state, or the shapes.
      us: the output of `cell.project`, or the shapes.
    """
    parts = split_step(cell, params, state, us)
    jaxpr = parts.jaxpr
    named_values = _named_values(jaxpr) or _weight_products(parts, params)

    def run(params, copies, u, probes):
        """Evaluate the step once for each path. Returns the values of its variables."""
        found: dict[Any, jax.Array] = {}
        for var, name in [*named_values.items(), (None, CARRY)]:
            env = dict(zip(jaxpr.constvars, parts.constants, strict=True))
            arguments = jax.tree.leaves((params, copies[name], u))
            env |= zip(jaxpr.invars, arguments, strict=True)
            for eqn in jaxpr.eqns:
                if eqn.outvars[0] in found:
                    env[eqn.outvars[0]] = found[eqn.outvars[0]]
                else:
                    evaluate([eqn], env)
                if eqn.outvars[0] is var:
                    probe = probes.get(name)
                    found[var] = env[var] if probe is None else env[var] + probe
                    break
        return env

    def step(params, copies, u, probes):
        env = run(params, copies, u, probes)
        out = [read(env, atom) for atom in jaxpr.outvars]
        return jax.tree.unflatten(parts.structure, out)[0]

    def values(params, state, u):
        env = run(params, dict.fromkeys(names, state), u, {})
        return {name: env[var] for var, name in named_values.items()}

    squashers = _squashers(jaxpr, named_values)

    def squashed(params, state, u):
        found = values(params, state, u)
        return {name: bind(eqn, [found[name]])[0] for name, eqn in squashers.items()}

    names = (CARRY, *dict.fromkeys(named_values.values()))
    squash = {name: eqn.primitive.name for name, eqn in squashers.items()}
    return Paths(names, step, values, squashed, squash)


def check_paths(names: Collection[str], known: Collection[str]) -> None:
    """Check names of paths.

    Raises:
      ValueError: the cell has no path of a name; lists those it has.
    """
    for name in names:
        if name not in known:
            raise ValueError(f"no path {name!r} in this cell: it has {', '.join(known)}")


def keep(copies: Mapping[str, State], through: Collection[str] | None) -> dict[str, State]:
    """Stop the gradient of every copy whose path is not chosen; None keeps all."""
    return {
        name: copy
        if through is None or name in through
        else jax.lax.stop_gradient(copy)
        for name, copy in copies.items()
    }


def _named_values(jaxpr):
    """Find values named by `recur.names`. Returns variable -> name."""
    return _distinct(
        (eqn.outvars[0], eqn.params["name"])
        for eqn in jaxpr.eqns
        if eqn.primitive.name == "name"
    )


def _weight_products(parts, params):
    """Find products of state and parameters. Returns variable -> name of the matrix."""
    labels = [
        jax.tree_util.keystr(path, simple=True, separator=".") or "weights"
        for path, _ in jax.tree_util.tree_leaves_with_path(params)
    ]
    roots = dict(zip(parts.param_vars[-len(labels) :], labels, strict=True)) if labels else {}
    for eqn in parts.params_only:
        known = [roots[v] for v in variables(eqn.invars) if v in roots]
        roots |= {var: known[0] for var in eqn.outvars if known}
    return _distinct((p.out, roots.get(p.weight, "weights")) for p in parts.products)


def _distinct(pairs):
    """Number repeated names. Returns variable -> name."""
    seen: dict[str, int] = {CARRY: 1}
    found = {}
    for var, name in pairs:
        seen[name] = seen.get(name, 0) + 1
        found[var] = name if seen[name] == 1 else f"{name}.{seen[name]}"
    return found


def _squashers(jaxpr, named_values):
    """Find the first sigmoid or tanh of each named value. Returns name -> equation."""
    found: dict[str, Any] = {}
    for eqn in jaxpr.eqns:
        for var in variables(eqn.invars):
            if var in named_values and eqn.primitive.name in ("logistic", "tanh"):
                found.setdefault(named_values[var], eqn)
    return found
