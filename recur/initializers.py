# SPDX-License-Identifier: Apache-2.0
"""Initial weights and gate biases.

A weight initializer is `(key, (rows, hidden), blocks) -> [rows, blocks * hidden]`. How
a fused matrix is drawn sets the gradient flow of an untrained network: of one orthogonal
matrix over the whole `[H, 4H]` axis each `[H, H]` block has a spectral radius near 0.5,
of one orthogonal matrix for each block it is 1. All but `fused_orthogonal` draw each
block separately.
"""

from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp


Initializer: TypeAlias = Callable[[jax.Array, tuple[int, int], int], jax.Array]


def _blockwise(draw: Callable[[jax.Array, tuple[int, int]], jax.Array]) -> Initializer:
    def initialize(key, shape, blocks):
        # Not vmap: jaxlib's QR of several matrices runs on a thread of the compute pool
        # and waits for other threads of it, forever if all of them are busy.
        drawn = jax.lax.map(lambda key: draw(key, shape), jax.random.split(key, blocks))
        return drawn.swapaxes(0, 1).reshape(shape[0], -1)

    return initialize


orthogonal: Initializer = _blockwise(jax.nn.initializers.orthogonal())
"""Each block orthogonal: all its singular values are 1 (Saxe et al. 2014)."""

glorot: Initializer = _blockwise(jax.nn.initializers.glorot_uniform())
"""U(-a, a), a = sqrt(6 / (rows + H)) (Glorot & Bengio 2010)."""

lecun: Initializer = _blockwise(jax.nn.initializers.lecun_normal())
"""Truncated normal of variance 1 / rows (LeCun et al. 1998)."""


@_blockwise
def identity(key, shape):
    """The identity matrix in each block, the IRNN of Le, Jaitly & Hinton (2015)."""
    del key
    return jnp.eye(*shape)


@_blockwise
def uniform(key, shape):
    """U(-1/sqrt(H), 1/sqrt(H)), the default of PyTorch."""
    bound = shape[1] ** -0.5
    return jax.random.uniform(key, shape, minval=-bound, maxval=bound)


@_blockwise
def tiny(key, shape):
    """N(0, 0.001^2), the input weights of the IRNN."""
    return 1e-3 * jax.random.normal(key, shape)


def fused_orthogonal(key: jax.Array, shape: tuple[int, int], blocks: int) -> jax.Array:
    """One orthogonal matrix over the fused axis, as Keras and flax.nnx draw it.

    The blocks are not orthogonal: for k blocks the root mean square of their singular
    values is 1/sqrt(k). For reproducing those libraries; `orthogonal` is the better choice.
    """
    rows, hidden = shape
    return jax.nn.initializers.orthogonal()(key, (rows, blocks * hidden))


INITIALIZERS: dict[str, Initializer] = {
    "fused_orthogonal": fused_orthogonal,
    "glorot": glorot,
    "identity": identity,
    "lecun": lecun,
    "orthogonal": orthogonal,
    "tiny": tiny,
    "uniform": uniform,
}


def chrono(key: jax.Array, hidden: int, longest: int) -> jax.Array:
    """Draw gate biases for time constants of 2 to `longest` steps: b = ln U[1, T - 1].

    A gate that keeps the share sigma(b) = u / (1 + u) of its state has the time constant
    1 / (1 - sigma(b)) = 1 + u [steps], uniform on [2, T].

    Args:
      key: a PRNG key.
      hidden: H, the number of units.
      longest: T, the longest time constant [steps].

    Returns:
      `[H]` biases of the gate that keeps; use the negative for a gate that writes.

    Raises:
      ValueError: `longest` is below 2.

    Paper: Tallec & Ollivier, "Can recurrent neural networks warp time?", 2018.
    """
    if longest < 2:
        raise ValueError(f"chrono: the longest memory must be >= 2 steps, got {longest}")
    return jnp.log(jax.random.uniform(key, (hidden,), minval=1.0, maxval=longest - 1.0))


def check_chrono(name: str, chrono_steps: int, bias: bool) -> None:
    """Check the options of a chrono initialisation.

    Raises:
      ValueError: `chrono_steps` is neither 0 (off) nor at least 2, or `bias` is False.
    """
    if chrono_steps and (chrono_steps < 2 or not bias):
        raise ValueError(
            f"{name}: chrono_steps must be 0 or >= 2 and needs bias=True; "
            f"got chrono_steps={chrono_steps}, bias={bias}"
        )
