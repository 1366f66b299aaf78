# SPDX-License-Identifier: Apache-2.0
"""Attribute predictions to inputs, by gradients."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Attribution(NamedTuple):
    """The influence of each input on each prediction, for one sequence.

    Attributes:
      norm: `[N, T]`, the L2 norm of d p_n / d x_s, where p_n is the n-th prediction.
      product: `[N, T]`, the inner product of d p_n / d x_s and x_s: to first order the
        change of p_n if x_s were zero, with the sign reversed. For a one-hot x_s it is
        the derivative by the entry that is 1.
    """

    norm: jax.Array
    product: jax.Array


def attribution(
    predict: Callable[[jax.Array], jax.Array], xs: jax.Array, at_once: int = 32
) -> Attribution:
    """Compute d p_n / d x_s for every prediction n and every input s.

    Args:
      predict: `[T, I] -> [N]`, for example ln p(target_t) of a language model for each
        step, or the logit of a classifier, N = 1.
      xs: `[T, I]` inputs, without a batch.
      at_once: how many gradients to hold in memory at a time.

    Raises:
      ValueError: `predict` does not return one axis.
    """
    values, pull = jax.vjp(predict, xs)
    if values.ndim != 1:
        raise ValueError(f"attribution: predict must return [N], got {values.shape}")

    def of_one(chosen):
        (gradient,) = pull(chosen)
        return jnp.linalg.norm(gradient, axis=-1), (gradient * xs).sum(-1)

    chosen = jnp.eye(len(values), dtype=values.dtype)
    return Attribution(*jax.lax.map(of_one, chosen, batch_size=at_once))
