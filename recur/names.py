# SPDX-License-Identifier: Apache-2.0
"""Names for values inside a step, by which gradient flow tells its paths and gates apart.

A name changes no number, and XLA never sees it. A cell without names has every analysis
too; its paths are then those through its weights.
"""

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name


def named(value: jax.Array, name: str) -> jax.Array:
    """The value itself, under a name: for a gate, what goes into its sigmoid."""
    return checkpoint_name(value, name)


def blocks(fused: jax.Array, *names: str) -> list[jax.Array]:
    """The blocks of a fused axis, each under its name.

    Args:
      fused: `[..., kH]`.
      names: k names, in order.

    Returns:
      k arrays `[..., H]`.
    """
    parts = jnp.split(fused, len(names), axis=-1)
    return [named(part, name) for part, name in zip(parts, names, strict=True)]
