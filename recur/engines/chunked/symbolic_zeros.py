# SPDX-License-Identifier: Apache-2.0
"""`jax.jvp` over trees in which None is the tangent of a leaf that does not change."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero


Tangents = list[jax.Array | None]
"""One tangent, or None for zero, for each leaf of a tree."""


def tangents_of(tree: Any) -> Tangents:
    """List the tangents that JAX passes to a rule of `custom_jvp` with symbolic zeros."""
    leaves = jax.tree.leaves(tree, is_leaf=lambda leaf: isinstance(leaf, SymbolicZero))
    return [
        None if isinstance(t, SymbolicZero) or t.dtype == jax.dtypes.float0 else t
        for t in leaves
    ]


def instantiate(tangents: Tangents, primals: Any) -> Tangents:
    """Replace None by an array of zeros where the primal is floating point."""
    pairs = zip(tangents, jax.tree.leaves(primals), strict=True)
    return [jnp.zeros_like(p) if t is None and _inexact(p) else t for t, p in pairs]


def complete(tangents: Tangents, primals: Any) -> Any:
    """Make the tree of tangents that JAX expects from a rule, without None."""
    leaves, structure = jax.tree.flatten(primals)
    return jax.tree.unflatten(
        structure,
        [
            np.zeros(p.shape, jax.dtypes.float0) if t is None else t
            for t, p in zip(instantiate(tangents, leaves), leaves, strict=True)
        ],
    )


def widen(tangents: Tangents) -> Tangents:
    """Cast to float32 at least, so that sums over chunks are not rounded to bfloat16."""
    wide = lambda t: t if jnp.finfo(t.dtype).bits >= 32 else t.astype(jnp.float32)
    return [t if t is None else wide(t) for t in tangents]


def narrow(tangents: Tangents, primals: Any) -> Tangents:
    """Cast each tangent to the dtype of its primal."""
    pairs = zip(tangents, jax.tree.leaves(primals), strict=True)
    return [t if t is None else t.astype(p.dtype) for t, p in pairs]


def push(
    function: Callable[..., Any], primals: tuple, tangents: list[Tangents]
) -> tuple[Any, Tangents]:
    """Push tangents forward through a function of trees.

    Args:
      function: of trees, to a tree.
      primals: its arguments.
      tangents: for each argument, the tangents of its leaves.

    Returns:
      `(function(*primals), the tangents of its leaves)`.
    """
    leaves, structure = jax.tree.flatten(primals)
    flat = [t for argument in tangents for t in argument]
    moving = [i for i, t in enumerate(flat) if t is not None]

    def of_moving(*values):
        full = dict(enumerate(leaves)) | dict(zip(moving, values, strict=True))
        return function(*jax.tree.unflatten(structure, list(full.values())))

    out, pushed = jax.jvp(of_moving, [leaves[i] for i in moving], [flat[i] for i in moving])
    return out, tangents_of(pushed) if moving else [None] * len(jax.tree.leaves(out))


def _inexact(leaf):
    return jnp.issubdtype(leaf.dtype, jnp.inexact)
