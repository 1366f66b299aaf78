# SPDX-License-Identifier: Apache-2.0
"""Which inputs a prediction depends on: its gradient by every input before it."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Attribution(NamedTuple):
    """What each input does to each prediction, of one sequence.

    Attributes:
      norm: `[N, T]`, the L2 norm of d p_n / d x_s, where p_n is the n-th prediction.
      product: `[N, T]`, its inner product with x_s: to first order what p_n would lose
        without x_s, and for a one-hot x_s the derivative by the symbol that is there.
    """

    norm: jax.Array
    product: jax.Array


def attribution(
    predict: Callable[[jax.Array], jax.Array], xs: jax.Array, at_once: int = 32
) -> Attribution:
    """d p_n / d x_s for every prediction n and every input s.

    Args:
      predict: `[T, I] -> [N]`, as ln p(target_n) of a language model for each step, or
        one number of a classifier.
      xs: `[T, I]` inputs, without a batch.
      at_once: predictions whose gradients are in memory at the same time.

    Raises:
      ValueError: `predict` does not give one axis.
    """
    values, pull = jax.vjp(predict, xs)
    if values.ndim != 1:
        raise ValueError(f"attribution: predict must give [N], got {values.shape}")

    def of_one(chosen):
        (gradient,) = pull(chosen)
        return jnp.linalg.norm(gradient, axis=-1), (gradient * xs).sum(-1)

    chosen = jnp.eye(len(values), dtype=values.dtype)
    return Attribution(*jax.lax.map(of_one, chosen, batch_size=at_once))
