# SPDX-License-Identifier: Apache-2.0
"""The random keys of a seed."""

from typing import NamedTuple

import jax


class Keys(NamedTuple):
    """One key for each use of randomness; every number follows from seed and step."""

    init: jax.Array
    train: jax.Array
    validation: jax.Array
    flow: jax.Array
    noise: jax.Array
    test: jax.Array


def keys_of(seed: jax.typing.ArrayLike) -> Keys:
    """The keys of a seed."""
    return Keys(*jax.random.split(jax.random.key(seed), len(Keys._fields)))
