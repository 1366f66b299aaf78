# SPDX-License-Identifier: Apache-2.0
"""Depth and direction: layers made of cells, and of layers.

A cell runs forward in time; a `Layer` says how a whole sequence is run. Layers nest: a
stack of bidirectional layers is a layer.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from recur.cell import Cell, Params, State
from recur.unroll import unroll


class Layer(NamedTuple):
    """A map from sequences to sequences with state.

    Attributes:
      init: `(key, input_size) -> params`.
      apply: `(params, xs [T, *B, I], state=None, *, lengths=None, resets=None,
        engine="auto") -> (state, ys [T, *B, O])`, keywords as in `recur.unroll`.
    """

    init: Callable[[jax.Array, int], Params]
    apply: Callable[..., tuple[State, jax.Array]]


Part: TypeAlias = Cell | Layer
"""What layers are made of; a bare cell runs forward."""


def one_way(cell: Cell, *, reverse: bool = False) -> Layer:
    """A cell run in one direction.

    Args:
      cell: the cell.
      reverse: from the last valid step to the first.
    """

    def apply(params, xs, state=None, *, lengths=None, resets=None, engine="auto"):
        return unroll(
            cell,
            params,
            xs,
            state,
            lengths=lengths,
            resets=resets,
            reverse=reverse,
            engine=engine,
        )

    return Layer(cell.init, apply)


def bidirectional(forward: Cell, backward: Cell) -> Layer:
    """y_t = [forward_t, backward_t], one cell in each direction over the same inputs.

    Over a right-padded batch the backward cell starts at the last valid step of each
    sequence. Parameters and states are pairs `(forward, backward)`.

    Args:
      forward: the cell that runs from the first step to the last.
      backward: the cell that runs from the last valid step to the first.

    Paper: Schuster & Paliwal, "Bidirectional recurrent neural networks", 1997.
    """
    ways = one_way(forward), one_way(backward, reverse=True)

    def init(key, input_size):
        keys = jax.random.split(key)
        return tuple(way.init(k, input_size) for way, k in zip(ways, keys, strict=True))

    def apply(params, xs, state=None, *, lengths=None, resets=None, engine="auto"):
        states, outputs = [], []
        for way, p, s in _parts("bidirectional", ways, params, state):
            s, ys = way.apply(p, xs, s, lengths=lengths, resets=resets, engine=engine)
            states.append(s)
            outputs.append(ys)
        return tuple(states), jnp.concatenate(outputs, axis=-1)

    return Layer(init, apply)


def stack(parts: Sequence[Part], *, residual: bool = False) -> Layer:
    """Each layer reads the outputs of the one below: ys_l = layer_l(ys_{l-1}).

    With `residual`, ys_l = ys_{l-1} + layer_l(ys_{l-1}) in every layer but the first,
    which may change the width. Parameters and states are tuples, one entry a layer.

    Args:
      parts: cells or layers, the one nearest to the input first.
      residual: add its input to the output of every layer but the first.

    Raises:
      ValueError: no layer; or, with `residual`, layers of different widths.

    Paper: El Hihi & Bengio, "Hierarchical recurrent neural networks for long-term
    dependencies", 1995.
    """
    if not parts:
        raise ValueError("stack: at least one cell or layer, got none")
    layers = tuple(one_way(p) if isinstance(p, Cell) else p for p in parts)

    def init(key, input_size):
        params = []
        for depth, layer in enumerate(layers):
            params.append(layer.init(jax.random.fold_in(key, depth), input_size))
            below, input_size = input_size, width(layer, params[-1], input_size)
            if residual and depth:
                _check_widths(depth, below, input_size)
        return tuple(params)

    def apply(params, xs, state=None, *, lengths=None, resets=None, engine="auto"):
        states = []
        for depth, (layer, p, s) in enumerate(_parts("stack", layers, params, state)):
            s, ys = layer.apply(p, xs, s, lengths=lengths, resets=resets, engine=engine)
            states.append(s)
            if residual and depth:
                _check_widths(depth, xs.shape[-1], ys.shape[-1])
                ys = xs + ys
            xs = ys
        return tuple(states), xs

    return Layer(init, apply)


def width(layer: Layer, params: Params, input_size: int) -> int:
    """O, the width of a layer's output, found without computing it."""
    xs = jax.ShapeDtypeStruct((1, input_size), jax.tree.leaves(params)[0].dtype)
    return jax.eval_shape(lambda xs: layer.apply(params, xs)[1], xs).shape[-1]


def _parts(name, layers, params, state):
    """Each layer with its parameters and its state, or None."""
    state = (None,) * len(layers) if state is None else state
    for what, given in (("params", params), ("state", state)):
        if not isinstance(given, tuple | list) or len(given) != len(layers):
            raise TypeError(
                f"{name}: {what} must be a tuple of {len(layers)}, one entry a part, as "
                f"init and apply return it; got {type(given).__name__}"
                + (f" of {len(given)}" if hasattr(given, "__len__") else "")
            )
    return zip(layers, params, state, strict=True)


def _check_widths(depth, below, above):
    if below != above:
        raise ValueError(
            f"stack: residual layer {depth} is {above} wide on a layer of {below}; both "
            f"must be as wide"
        )
