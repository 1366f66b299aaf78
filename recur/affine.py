# SPDX-License-Identifier: Apache-2.0
"""All gates of a cell as one affine map of the previous state and the input."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur.cell import Params
from recur.initializers import Initializer, lecun, orthogonal


class AffineParams(NamedTuple):
    """Weights of W_h h + W_x x + b, with a block of H columns for each of k gates.

    Attributes:
      w_h: `[H, kH]` from the previous state.
      w_x: `[I, kH]` from the input.
      b: `[kH]`, or None without bias.
    """

    w_h: jax.Array
    w_x: jax.Array
    b: jax.Array | None


def affine_init(
    hidden: int,
    gate_biases: Sequence[float],
    bias: bool = True,
    recurrent_init: Initializer = orthogonal,
    input_init: Initializer = lecun,
) -> Callable[[jax.Array, int], AffineParams]:
    """Make the `init` of a cell with `AffineParams`.

    Args:
      hidden: H [units].
      gate_biases: the initial value of b in each of the k blocks.
      bias: have a bias b.
      recurrent_init: draws w_h.
      input_init: draws w_x.
    """
    blocks = len(gate_biases)

    def init(key, input_size):
        key_h, key_x = jax.random.split(key)
        return AffineParams(
            w_h=recurrent_init(key_h, (hidden, hidden), blocks),
            w_x=input_init(key_x, (input_size, hidden), blocks),
            b=block_biases(hidden, gate_biases) if bias else None,
        )

    return init


def block_biases(hidden: int, gate_biases: Sequence[float]) -> jax.Array:
    """Repeat each of k values H times: `[kH]`."""
    return jnp.repeat(jnp.array(gate_biases, float), hidden)


def affine_project(name: str) -> Callable[[Params, jax.Array], jax.Array]:
    """Make a `project`: u_t = W_x x_t + b, from parameters `w_x [I, kH]` and `b [kH]`.

    The `b` of the parameters may be None. `project` raises a ValueError if `xs` is not
    `[T, *B, I]`.

    Args:
      name: of the cell, for the error message.
    """

    def project(params, xs):
        us = input_product(name, params.w_x, xs)
        return us if params.b is None else us + params.b

    return project


def input_product(name: str, w_x: jax.Array, xs: jax.Array) -> jax.Array:
    """Compute W_x x_t for every step, `[T, *B, kH]`.

    Raises:
      ValueError: `xs` is not `[T, *B, I]`.
    """
    width = w_x.shape[0]
    if xs.ndim < 2 or xs.shape[-1] != width:
        raise ValueError(
            f"{name}: xs must be [T, *B, {width}], time first, to fit w_x {w_x.shape} in "
            f"params; got {xs.shape}"
        )
    # Time and batch on one axis: the gradient of a product that sums over two axes takes
    # three times as long on a CPU.
    return (xs.reshape(-1, width) @ w_x).reshape(*xs.shape[:-1], w_x.shape[1])


def standardize(x: jax.Array) -> jax.Array:
    """Layer normalisation: (x - mean) / sqrt(variance + 1e-5) over the last axis."""
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = jnp.square(centred).mean(axis=-1, keepdims=True)
    return centred * jax.lax.rsqrt(variance + 1e-5)
