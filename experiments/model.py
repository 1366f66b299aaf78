# SPDX-License-Identifier: Apache-2.0
"""The model around a cell, as a Flax NNX module and as pure functions."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

import recur
from experiments.benchmark import Benchmark
from recur.cell import Cell, Params


class Model(nnx.Module):
    """inputs -> recurrent layer -> readout: logits_t = W_y h_t + b_y.

    Softmax or sigmoid belong to the loss of the benchmark.

    Attributes:
      recurrent: parameters of the cell.
      readout: `H -> O` linear layer.
    """

    def __init__(
        self, cell: Cell, input_size: int, output_size: int, *, rngs: nnx.Rngs
    ):
        params = cell.init(rngs.params(), input_size)
        self.cell = nnx.static(cell)
        self.recurrent = nnx.data(jax.tree.map(nnx.Param, params))
        self.readout = nnx.Linear(
            _output_width(cell, params, input_size), output_size, rngs=rngs
        )

    def __call__(self, xs: jax.Array) -> jax.Array:
        """`[T, B, I] -> [T, B, O]`."""
        _, hs = recur.unroll(self.cell, self.cell_params(), xs)
        return self.readout(hs)

    def cell_params(self) -> Params:
        """The parameters of the cell, as its `init` returned them."""
        return jax.tree.map(
            lambda param: param[...],
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


def network(cell: Cell, benchmark: Benchmark) -> Network:
    """The model of a cell for a benchmark."""

    def build(key):
        return Model(
            cell, benchmark.input_size, benchmark.output_size, rngs=nnx.Rngs(key)
        )

    structure, abstract = nnx.split(nnx.eval_shape(build, jax.random.key(0)))

    def init(key):
        return nnx.to_pure_dict(nnx.state(build(key)))

    def bind(params):
        state = jax.tree.map(lambda leaf: leaf, abstract)
        nnx.replace_by_pure_dict(state, params)
        return nnx.merge(structure, state)

    return Network(init, bind)


def _output_width(cell: Cell, params: Params, input_size: int) -> int:
    xs = jnp.zeros((1, input_size))
    return jax.eval_shape(lambda: recur.unroll(cell, params, xs)[1]).shape[-1]
