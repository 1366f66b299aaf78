# SPDX-License-Identifier: Apache-2.0
"""The work that is timed: one layer, run forward, and one step of training it."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import recur
from recur.cell import Cell


RATE = 1e-3
"""Learning rate of the update that ends a train step."""


class Shape(NamedTuple):
    """Of a batch of sequences and a layer: batch, time steps, input features, units."""

    B: int
    T: int
    I: int  # noqa: E741
    H: int


SHAPES = (
    Shape(1, 1000, 64, 64),
    Shape(20, 520, 10, 128),
    Shape(32, 128, 128, 128),
    Shape(50, 50, 65, 128),
    Shape(64, 128, 128, 512),
    Shape(64, 100, 512, 512),
)
"""20 520 10 128 is copy memory at a lag of 500; 50 50 65 128 and 64 128 128 512 are
character models of a small and of a middling size."""


class Programs(NamedTuple):
    """One library's work, compiled. A call returns when all is computed.

    Attributes:
      forward: `() -> ys`.
      train: `() -> gradients of the mean of ys^2`, after an update of the weights.
      compile_seconds: of both together; None where nothing is compiled ahead.
      temporaries: memory [MB] that a train step needs besides weights and inputs.
    """

    forward: Callable[[], Any]
    train: Callable[[], Any]
    compile_seconds: float | None = None
    temporaries: float | None = None


Run = Callable[[Any, Any], Any]
"""`(weights, xs [T, B, I]) -> ys [T, B, H]`."""


def make_inputs(shape: Shape) -> jax.Array:
    """`xs [T, B, I]`, the same for all."""
    return jax.random.normal(jax.random.key(1), (shape.T, shape.B, shape.I))


def make_params(cell: Cell, shape: Shape) -> Any:
    """Parameters of a cell, the same for all dialects of a cell."""
    return cell.init(jax.random.key(0), shape.I)


def in_jax(run: Run, weights: Any, xs: jax.Array) -> Programs:
    """The work in a library that JAX can differentiate."""

    def train(weights, xs):
        loss = lambda weights: jnp.square(run(weights, xs)).mean(dtype=jnp.float32)
        grads = jax.grad(loss)(weights)
        return jax.tree.map(lambda w, g: w - RATE * g, weights, grads), grads

    began = time.perf_counter()
    forward, step = (jax.jit(f).lower(weights, xs).compile() for f in (run, train))
    seconds = time.perf_counter() - began
    memory: Any = step.memory_analysis()
    return Programs(
        forward=lambda: jax.block_until_ready(forward(weights, xs)),
        train=lambda: jax.block_until_ready(step(weights, xs))[1],
        compile_seconds=seconds,
        temporaries=memory.temp_size_in_bytes / 1e6,
    )


def floor(cell: Cell, shape: Shape) -> Programs:
    """The matrix products of the work without its recurrence, each for all time at once."""
    params = make_params(cell, shape)
    weights = {"w_h": params.w_h, "w_x": params.w_x}
    rows = shape.T * shape.B
    hs = jax.random.normal(jax.random.key(2), (rows, shape.H))

    def forward(weights, xs):
        return xs.reshape(rows, -1) @ weights["w_x"], hs @ weights["w_h"]

    def train(weights, xs):
        us, zs = forward(weights, xs)
        dw_x = xs.reshape(rows, -1).T @ us
        dw_h = hs.T @ zs
        return dw_x, dw_h, zs @ weights["w_h"].T

    xs = make_inputs(shape)
    forward, train = jax.jit(forward), jax.jit(train)
    return Programs(
        forward=lambda: jax.block_until_ready(forward(weights, xs)),
        train=lambda: jax.block_until_ready(train(weights, xs)),
    )


def reference(cell: Cell, shape: Shape) -> tuple[np.ndarray, Any]:
    """Outputs, and gradients of the mean of their squares, in float64 by the plain scan."""
    given = jax.tree.map(np.asarray, (make_params(cell, shape), make_inputs(shape)))
    with jax.enable_x64(True):
        params, xs = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), given)

        def loss(params):
            ys = recur.unroll(cell, params, xs, engine="scan")[1]
            return jnp.square(ys).mean(), ys

        grads, ys = jax.jit(jax.grad(loss, has_aux=True))(params)
        return jax.tree.map(np.asarray, (ys, grads))
