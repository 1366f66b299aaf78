# SPDX-License-Identifier: Apache-2.0
"""The recurrent layers of a network: a stack of cells, in one precision."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

import recur
from experiments.networks.base import Site, valid_steps
from recur.cell import Cell, Params, State
from recur.wrappers import select


class Precision(NamedTuple):
    """The dtypes of a computation. Stored parameters are float32.

    Attributes:
      change: `Cell -> Cell`, sets the precision of matrix products.
      recurrent: dtype of the inputs and the state of the cells.
      readout: dtype of the matrix product after them.
    """

    change: Callable[[Cell], Cell]
    recurrent: Any
    readout: Any


PRECISIONS: dict[str, Precision] = {
    "float32": Precision(lambda cell: cell, jnp.float32, jnp.float32),
    "mixed": Precision(recur.mixed, jnp.float32, jnp.bfloat16),
    "bfloat16": Precision(lambda cell: cell, jnp.bfloat16, jnp.bfloat16),
}
"""Name -> precision."""


class Recurrent(NamedTuple):
    """A stack of recurrent layers: ys_l = layer_l(ys_{l-1}), ys_0 = xs.

    Attributes:
      cells: one cell a layer, the layer nearest to the input first.
      precision: the dtypes.
    """

    cells: tuple[Cell, ...]
    precision: Precision

    @property
    def layer(self) -> recur.Layer:
        """All layers as one `recur.Layer`."""
        first, *others = self.cells
        return recur.stack(self.cells) if others else recur.one_way(first)

    @property
    def site_names(self) -> tuple[str, ...]:
        """`layer1` reads the input, the last layer is read out."""
        return tuple(f"layer{index + 1}" for index in range(len(self.cells)))

    def init(self, key: jax.Array, input_size: int) -> Params:
        """Parameters of one cell, or a tuple with an entry for each layer."""
        return self.layer.init(key, input_size)

    def output_size(self, input_size: int) -> int:
        """H, the width of the last layer."""

        def run(key):
            params = self.init(key, input_size)
            return self.layer.apply(params, jnp.zeros((1, input_size)))[1]

        return jax.eval_shape(run, jax.random.key(0)).shape[-1]

    def cast(self, params: Params, key: jax.Array | None = None) -> Params:
        """Parameters in the dtype of the state; a key switches noisy cells on."""
        dtype = self.precision.recurrent
        return recur.with_key(jax.tree.map(lambda leaf: _cast(leaf, dtype), params), key)

    def sites(
        self,
        params: Params,
        xs: jax.Array,
        lengths: jax.Array | None,
        loss: Callable[[jax.Array], jax.Array],
    ) -> Mapping[str, Site]:
        """A `Site` for each layer, by its name.

        Args:
          params: parameters as `cast` returns them.
          xs: `[T, B, I]` inputs of the first layer.
          lengths: `[B]` valid steps, or None.
          loss: `ys [T, B, H] -> scalar`, of the outputs of the last layer.
        """
        layers = [params] if len(self.cells) == 1 else list(params)
        found = {}
        for index, (name, cell) in enumerate(zip(self.site_names, self.cells, strict=True)):
            above = list(zip(self.cells, layers, strict=True))[index + 1 :]
            loss_of = _through_layers(above, lengths, loss)
            found[name] = Site(cell, layers[index], xs, loss_of, lengths)
            if above:
                _, xs = recur.unroll(cell, layers[index], xs, lengths=lengths)
        return found


def make_recurrent(cell: Cell, layers: int = 1, precision: str = "float32") -> Recurrent:
    """Layers of one kind of cell.

    Args:
      cell: the cell of every layer.
      layers: how many there are.
      precision: a name in `PRECISIONS`.
    """
    chosen = PRECISIONS[precision]
    return Recurrent((chosen.change(cell),) * layers, chosen)


def output(state: State) -> jax.Array:
    """The leaf of a state that is the output of its cell: by contract, the first."""
    return jax.tree.leaves(state)[0]


def continued(initial: State, carry: State, first: jax.Array | None) -> State:
    """The state to go on from: the carry, or the initial state where streams start.

    Args:
      initial: the initial state; noisy cells keep fresh random keys in it.
      carry: the state after the last batch, as `without_keys` returns it.
      first: `[]` bool, true where streams start; None is false.
    """
    known = iter(jax.tree.leaves(carry))

    def choose(leaf):
        if _is_key(leaf):
            return leaf
        old = next(known)
        return old if first is None else jnp.where(first, leaf, old)

    return jax.tree.map(choose, initial)


def without_keys(state: State) -> State:
    """A state without random keys: a checkpoint holds numbers only."""
    return jax.tree.map(lambda leaf: None if _is_key(leaf) else leaf, state)


def _is_key(leaf: jax.Array) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _through_layers(
    above: Sequence[tuple[Cell, Params]],
    lengths: jax.Array | None,
    loss: Callable[[jax.Array], jax.Array],
) -> Callable[[State], jax.Array]:
    """The loss as a function of the states of a layer, through the layers above."""

    def of_states(states):
        ys = output(states)
        valid = valid_steps(lengths, len(ys))
        if valid is not None:
            ys = select(valid, ys, jnp.zeros_like(ys))
        for cell, params in above:
            # Analyses in another precision give states of another dtype.
            same = jax.tree.map(lambda leaf, d=ys.dtype: _cast(leaf, d), params)
            _, ys = recur.unroll(cell, same, ys, lengths=lengths)
        return loss(ys)

    return of_states


def _cast(leaf, dtype):
    return leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf
