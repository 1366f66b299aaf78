# SPDX-License-Identifier: Apache-2.0
"""Names for values inside a step, which label paths and gates in `recur.flow`.

A name changes no number and leaves no trace in compiled code. In a cell without names,
paths are labelled by the weights that they pass through.
"""

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name


def named(value: jax.Array, name: str) -> jax.Array:
    """Return a value under a name. For a gate, name the input of its sigmoid.

    Args:
      value: any array.
      name: of the path through it and of the gate.
    """
    return checkpoint_name(value, name)


def blocks(fused: jax.Array, *names: str) -> list[jax.Array]:
    """Split a fused axis into named blocks.

    Args:
      fused: `[..., kH]`.
      names: k names, in order.

    Returns:
      k arrays `[..., H]`.
    """
    parts = jnp.split(fused, len(names), axis=-1)
    return [named(part, name) for part, name in zip(parts, names, strict=True)]
