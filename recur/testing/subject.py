# SPDX-License-Identifier: Apache-2.0
"""The input of a check, and how a check fails."""

from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

import jax
import jax.numpy as jnp
import numpy as np

from recur.cell import Cell, Params


STEPS, BATCH = 6, 3


class Subject(NamedTuple):
    """A cell under test.

    Attributes:
      cell: the cell.
      input_size: I.
      reference: the cell as a NumPy loop, or None.
      unroll: the loop, compiled.
      fresh: parameters from `init`.
      params: parameters with random entries, biases included.
      xs: `[STEPS, BATCH, I]` random inputs.
    """

    cell: Cell
    input_size: int
    reference: Callable[[Any, np.ndarray], np.ndarray] | None
    unroll: Callable[..., Any]
    fresh: Params
    params: Params
    xs: jax.Array


def make_subject(cell, input_size, reference, unroll) -> Subject:
    """Draw parameters and inputs for a cell."""
    if not isinstance(cell, Cell):
        fail(
            f"check_cell: needs a Cell, got {type(cell).__name__}",
            "call the factory first, as in check_cell(my_cell(8), 4)",
        )
    fresh = attempt("init", cell.init, jax.random.key(0), input_size)
    xs = jax.random.normal(jax.random.key(2), (STEPS, BATCH, input_size))
    params = randomized(jax.random.key(1), fresh, 0.4)
    compiled = jax.jit(unroll, static_argnums=0, static_argnames="reverse")
    return Subject(cell, input_size, reference, compiled, fresh, params, xs)


def fail(broke: str, meaning: str) -> NoReturn:
    """Fail with one line: the failure and its usual cause.

    Raises:
      AssertionError: always.
    """
    raise AssertionError(" ".join(f"{broke}: {meaning}".split()))


def attempt(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call one of the four functions of a cell.

    Raises:
      AssertionError: the function raised an error.
    """
    try:
        return function(*arguments)
    except Exception as error:
        shapes = [str(jax.tree.map(jnp.shape, a)) for a in arguments[1:]]
        raise AssertionError(
            f"{name}: raised {type(error).__name__} for arguments of shapes "
            f"{', '.join(shapes)}: {' '.join(str(error).split())[:200]}"
        ) from error


def randomized(key: jax.Array, tree: Any, scale: float) -> Any:
    """Draw every entry of a tree from N(0, scale^2)."""
    leaves, structure = jax.tree.flatten(tree)
    keys = jax.random.split(key, max(len(leaves), 1))
    drawn = [
        (scale * jax.random.normal(k, jnp.shape(x))).astype(jnp.result_type(x))
        for k, x in zip(keys, leaves, strict=False)
    ]
    return jax.tree.unflatten(structure, drawn)


def named_leaves(tree: Any, root: str) -> list[tuple[str, Any]]:
    """List leaves with names: `params.w_h`, `state.c`, or the root itself."""
    return [
        (root + "".join(f".{jax.tree_util.keystr((k,), simple=True)}" for k in path), leaf)
        for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]
    ]


def differs(a: Any, b: Any, rtol: float = 1e-4, atol: float = 1e-5) -> bool:
    """Whether two trees of numbers differ by more than rounding in float32."""
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return not all(np.allclose(x, y, rtol=rtol, atol=atol) for x, y in pairs)
