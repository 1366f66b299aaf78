# SPDX-License-Identifier: Apache-2.0
"""The model around a cell, as a Flax NNX module and as pure functions."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

import recur
from experiments.benchmarks.base import Benchmark
from recur.cell import Cell, Params, State


class Precision(NamedTuple):
    """How precisely a network is computed; its parameters are float32 in any case.

    Attributes:
      change: of the cell.
      recurrent: the dtype of what goes into the cell, and of its state.
      readout: the dtype of the product after it.
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


class Model(nnx.Module):
    """inputs -> recurrent layers -> readout: logits_t = W_y h_t + b_y.

    Softmax or sigmoid belong to the loss of the benchmark.

    Attributes:
      cell: all layers as one cell, for those who look at the network.
      layer: the same, layer by layer, for those who run it: that is faster.
      cells: of each layer, the one nearest to the input first.
      recurrent: parameters of both.
      readout: `H -> O` linear layer.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        input_size: int,
        output_size: int,
        precision: Precision,
        *,
        rngs: nnx.Rngs,
    ):
        whole = recur.deep(cells)
        params = whole.init(rngs.params(), input_size)
        changed = [precision.change(cell) for cell in cells]
        self.cell = nnx.static(recur.deep(changed))
        self.layer = nnx.static(_layer(changed))
        self.cells = nnx.static(tuple(changed))
        self.dtype = precision.recurrent
        self.input_size = input_size
        self.recurrent = nnx.data(jax.tree.map(nnx.Param, params))
        width = _output_width(whole, params, input_size)
        self.readout = nnx.Linear(width, output_size, dtype=precision.readout, rngs=rngs)

    def __call__(self, xs: jax.Array) -> jax.Array:
        """`[T, B, I] -> [T, B, O]` float32."""
        return self.go_on(xs, None)[1]

    def go_on(self, xs: jax.Array, state: State | None) -> tuple[State, jax.Array]:
        """From a state, or from the initial one: `(state, logits [T, B, O])`."""
        params = self.cell_params()
        state, hs = self.layer.apply(params, self.cell_inputs(xs), state)
        return state, self.logits(hs)

    def initial_state(self, batch_size: int) -> State:
        """The state of the layers before the first step."""
        xs = jnp.zeros((0, batch_size, self.input_size), self.dtype)
        return self.layer.apply(self.cell_params(), xs)[0]

    def logits(self, hs: jax.Array) -> jax.Array:
        """`[..., H] -> [..., O]` float32, so that the loss is."""
        return self.readout(hs).astype(jnp.float32)

    def cell_inputs(self, xs: jax.Array) -> jax.Array:
        """What the cell is given."""
        return xs.astype(self.dtype)

    def cell_params(self) -> Params:
        """The parameters of the cell, in the precision of its state."""
        return jax.tree.map(
            lambda param: _cast(param[...], self.dtype),
            self.recurrent,
            is_leaf=lambda node: isinstance(node, nnx.Param),
        )


class Network(NamedTuple):
    """A `Model` as pure functions of its parameters, a pytree of nested dicts.

    Attributes:
      init: `key -> params`.
      bind: `params -> Model`.
    """

    init: Callable[[jax.Array], Any]
    bind: Callable[[Any], Model]


def network(
    cell: Cell, benchmark: Benchmark, precision: str = "float32", layers: int = 1
) -> Network:
    """The model of a cell for a benchmark.

    Args:
      cell: of every layer.
      benchmark: what it is for.
      precision: a name in `PRECISIONS`.
      layers: of the cell, on top of each other.
    """

    def build(key):
        sizes = benchmark.input_size, benchmark.output_size
        return Model([cell] * layers, *sizes, PRECISIONS[precision], rngs=nnx.Rngs(key))

    structure, abstract = nnx.split(nnx.eval_shape(build, jax.random.key(0)))

    def init(key):
        return nnx.to_pure_dict(nnx.state(build(key)))

    def bind(params):
        state = jax.tree.map(lambda leaf: leaf, abstract)
        nnx.replace_by_pure_dict(state, params)
        return nnx.merge(structure, state)

    return Network(init, bind)


def _layer(cells: Sequence[Cell]) -> recur.Layer:
    return recur.one_way(cells[0]) if len(cells) == 1 else recur.stack(cells)


def _cast(leaf, dtype):
    return leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf


def _output_width(cell: Cell, params: Params, input_size: int) -> int:
    xs = jnp.zeros((1, input_size))
    return jax.eval_shape(lambda: recur.unroll(cell, params, xs)[1]).shape[-1]
