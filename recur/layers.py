# SPDX-License-Identifier: Apache-2.0
"""Stacks of cells, and cells that run in both directions.

A cell computes one time step; a `Layer` processes a whole sequence. Layers nest: a stack
of bidirectional layers is a layer.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from recur.cell import Cell, Params, State
from recur.unroll import unroll


class Layer(NamedTuple):
    """A map from sequences to sequences, with state.

    Attributes:
      init: `(key, input_size) -> params`.
      apply: `(params, xs [T, *B, I], state=None, *, lengths=None, resets=None,
        engine="auto") -> (state, ys [T, *B, O])`, keywords as in `recur.unroll`.
    """

    init: Callable[[jax.Array, int], Params]
    apply: Callable[..., tuple[State, jax.Array]]


Part: TypeAlias = Cell | Layer
"""Part of a stack. A cell runs forward in time."""


def one_way(cell: Cell, *, reverse: bool = False) -> Layer:
    """Make a layer of one cell, run in one direction.

    Args:
      cell: the cell.
      reverse: run from the last valid step to the first.
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
    """y_t = [forward_t, backward_t], two cells over the same inputs.

    Over a right-padded batch the backward cell starts at the last valid step of each
    sequence. Parameters and states are pairs `(forward, backward)`.

    Args:
      forward: the cell that runs from the first step to the last.
      backward: the cell that runs from the last valid step to the first.

    Paper: Schuster & Paliwal, "Bidirectional recurrent neural networks", 1997.
    """
    directions = one_way(forward), one_way(backward, reverse=True)

    def init(key, input_size):
        keys = jax.random.split(key)
        pairs = zip(directions, keys, strict=True)
        return tuple(layer.init(k, input_size) for layer, k in pairs)

    def apply(params, xs, state=None, *, lengths=None, resets=None, engine="auto"):
        states, outputs = [], []
        for layer, p, s in _parts("bidirectional", directions, params, state):
            s, ys = layer.apply(p, xs, s, lengths=lengths, resets=resets, engine=engine)
            states.append(s)
            outputs.append(ys)
        return tuple(states), jnp.concatenate(outputs, axis=-1)

    return Layer(init, apply)


def stack(parts: Sequence[Part], *, residual: bool = False) -> Layer:
    """Stack layers: ys_l = layer_l(ys_{l-1}), with ys_0 = xs.

    With `residual`, ys_l = ys_{l-1} + layer_l(ys_{l-1}) in every layer but the first,
    which may change the width. Parameters and states are tuples with one entry a layer.

    Args:
      parts: cells or layers, from the input upwards.
      residual: add the input of every layer but the first to its output.

    Raises:
      ValueError: `parts` is empty; or, with `residual`, widths differ.

    Paper: El Hihi & Bengio, "Hierarchical recurrent neural networks for long-term
    dependencies", 1995.
    """
    if not parts:
        raise ValueError("stack: needs at least one cell or layer, got none")
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
    """Find O, the width of a layer's output, from shapes alone."""
    xs = jax.ShapeDtypeStruct((1, input_size), jax.tree.leaves(params)[0].dtype)
    return jax.eval_shape(lambda xs: layer.apply(params, xs)[1], xs).shape[-1]


def _parts(name, layers, params, state):
    """Pair each layer with its parameters and its state, or None."""
    state = (None,) * len(layers) if state is None else state
    for what, given in (("params", params), ("state", state)):
        if not isinstance(given, tuple | list) or len(given) != len(layers):
            raise TypeError(
                f"{name}: {what} must be a tuple of {len(layers)}, one entry a layer, as "
                f"init and apply return it; got {type(given).__name__}"
                + (f" of {len(given)}" if hasattr(given, "__len__") else "")
            )
    return zip(layers, params, state, strict=True)


def _check_widths(depth, below, above):
    if below != above:
        raise ValueError(
            f"stack: residual layer {depth} has width {above} and its input {below}; they "
            f"must be equal"
        )
