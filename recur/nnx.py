# SPDX-License-Identifier: Apache-2.0
"""A cell or a layer as a Flax NNX module."""

from collections.abc import Callable
from typing import Any

import jax
from flax import nnx

from recur.cell import Cell, Params, State
from recur.engine import Engine
from recur.layers import Part, one_way
from recur.wrappers import Noise, with_key


class RNN(nnx.Module):
    """`(xs [T, *B, I], state=None) -> (state, ys [T, *B, O])`.

    Time is the leading axis, and the state is an argument and a result, as in
    `recur.unroll`. Noise takes a key from the stream `dropout` at every call, unless
    `deterministic` is set, as it is by `model.eval()` and `nnx.view`.

    Attributes:
      weights: an `nnx.Param` for each leaf of the parameters, by name.
      deterministic: whether noise is off.
    """

    def __init__(
        self,
        part: Part,
        input_size: int,
        *,
        engine: str | Engine | Callable[..., Any] = "auto",
        deterministic: bool = False,
        rngs: nnx.Rngs,
    ):
        layer = one_way(part) if isinstance(part, Cell) else part
        params = layer.init(rngs.params(), input_size)
        self.layer = nnx.static(layer)
        self.engine = nnx.static(engine)
        self.weights = nnx.data(jax.tree.map(nnx.Param, params))
        self.deterministic = deterministic
        self.dropout = rngs.dropout.fork() if _is_noisy(params) else None

    def __call__(
        self,
        xs: jax.Array,
        state: State | None = None,
        *,
        lengths: jax.Array | None = None,
        resets: jax.Array | None = None,
    ) -> tuple[State, jax.Array]:
        """Run over a sequence, with the arguments and errors of `recur.unroll`."""
        params = self.params()
        if self.dropout is not None and not self.deterministic:
            params = with_key(params, self.dropout())
        return self.layer.apply(
            params, xs, state, lengths=lengths, resets=resets, engine=self.engine
        )

    def params(self) -> Params:
        """Return the parameters in the structure of `init` of the cell or layer."""
        return jax.tree.map(
            lambda leaf: leaf[...],
            self.weights,
            is_leaf=lambda leaf: isinstance(leaf, nnx.Param),
        )

    def set_view(self, deterministic: bool | None = None) -> None:
        """Set attributes, as `nnx.view` does.

        Args:
          deterministic: whether noise is off; None for no change.
        """
        if deterministic is not None:
            self.deterministic = deterministic


def _is_noisy(params):
    leaves = jax.tree.leaves(params, is_leaf=lambda node: isinstance(node, Noise))
    return any(isinstance(leaf, Noise) for leaf in leaves)
