# SPDX-License-Identifier: Apache-2.0
"""A cell or a layer as a Flax Linen module."""

from collections.abc import Callable
from typing import Any

import jax
from flax import linen, traverse_util

from recur.cell import Cell, State
from recur.engine import Engine
from recur.layers import Part, one_way
from recur.wrappers import with_key


class RNN(linen.Module):
    """`(xs [T, *B, I], state=None) -> (state, ys [T, *B, O])`.

    Time is the leading axis, and the state is an argument and a result, as in
    `recur.unroll`. The collection `params` holds the leaves of the parameters by name, in
    nested dictionaries. Noise needs `deterministic=False` and the RNG stream `dropout`.

    Attributes:
      part: a cell, which runs forward, or a layer.
      engine: how to run the loop, as in `recur.unroll`.
    """

    part: Part
    engine: str | Engine | Callable[..., Any] = "auto"

    @linen.compact
    def __call__(
        self,
        xs: jax.Array,
        state: State | None = None,
        *,
        lengths: jax.Array | None = None,
        resets: jax.Array | None = None,
        deterministic: bool = True,
    ) -> tuple[State, jax.Array]:
        """Run over a sequence.

        Args:
          xs: `[T, *B, I]` inputs.
          state: the state before the first step; `initial_state` if None.
          lengths: as in `recur.unroll`.
          resets: as in `recur.unroll`.
          deterministic: switch noise off.

        Raises:
          ValueError, TypeError: as `recur.unroll`.
        """
        layer = one_way(self.part) if isinstance(self.part, Cell) else self.part

        def init(key):
            return layer.init(key, xs.shape[-1])

        named, structure = _names(jax.eval_shape(init, jax.random.key(0)))
        weights = self.param("weights", lambda key: _nested(named, init(key)))
        flat = traverse_util.flatten_dict(weights, sep="/")
        params = jax.tree.unflatten(structure, [flat[name] for name in named])
        if not deterministic:
            params = with_key(params, self.make_rng("dropout"))
        return layer.apply(
            params, xs, state, lengths=lengths, resets=resets, engine=self.engine
        )


def _names(params):
    """Find the name of each leaf, and the tree structure."""
    leaves, structure = jax.tree_util.tree_flatten_with_path(params)
    names = [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in leaves]
    return names, structure


def _nested(names, params):
    """Arrange parameters in nested dictionaries."""
    flat = dict(zip(names, jax.tree.leaves(params), strict=True))
    return traverse_util.unflatten_dict(flat, sep="/")
