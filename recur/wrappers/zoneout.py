# SPDX-License-Identifier: Apache-2.0
"""Zoneout: at every step, random units keep their previous value."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur.cell import Cell, State, factory
from recur.wrappers.noise import check_rate, under_noise


class ZoneoutState(NamedTuple):
    """State of `zoneout`.

    Attributes:
      inner: the state of the wrapped cell.
      key: keys `[*B]` for the next step, or None in evaluation.
    """

    inner: State
    key: jax.Array | None = None


@factory
def zoneout(cell: Cell, rate: float, memory_rate: float = 0.0) -> Cell:
    """s_t <- m_t * s_{t-1} + (1 - m_t) * s_t, m_t in {0, 1} drawn anew at every step.

    In evaluation m_t is its expectation. The output is the first leaf of the new state.

    Args:
      cell: the cell to wrap; its output must be the first leaf of its state.
      rate: the probability that a unit of h, the first leaf, keeps its value.
      memory_rate: the same for the other leaves, such as c of an LSTM.

    Raises:
      ValueError: a rate is not in [0, 1); or, at a step of training, the state has no
        key, because it was not made by `initial_state` from parameters with keys.

    Paper: Krueger et al., "Zoneout: regularizing RNNs by randomly preserving hidden
    activations", 2017.
    """
    check_rate("zoneout", rate)
    check_rate("zoneout", memory_rate)

    def initial_state(params, batch_shape):
        inner, key = cell.initial_state(params.inner, batch_shape), params.noise.key
        keys = None if key is None else jax.random.split(key, batch_shape)
        return ZoneoutState(inner, keys)

    def step(params, state, u):
        after, _ = cell.step(params.inner, state.inner, u)
        old, structure = jax.tree.flatten(state.inner)
        rates = [rate] + [memory_rate] * (len(old) - 1)
        masks, key = _zones(params.noise.key, state.key, rates, old)
        new = [
            m * a + (1 - m) * b
            for m, a, b in zip(masks, old, jax.tree.leaves(after), strict=True)
        ]
        return ZoneoutState(jax.tree.unflatten(structure, new), key), new[0]

    return under_noise(cell)._replace(initial_state=initial_state, step=step)


def _zones(noise, keys, rates, leaves):
    """Make a mask, or its expectation, for each leaf, and the keys of the next step."""
    if noise is None:
        return rates, None
    if keys is None:
        raise ValueError(
            "zoneout: the state has no key; start from initial_state(with_key(params, "
            "key), batch_shape), and wrap learned_state in zoneout, not zoneout in it"
        )
    now, *each = jnp.moveaxis(_per_key(jax.random.split, len(leaves) + 1)(keys), -1, 0)
    masks = []
    for key, rate, leaf in zip(each, rates, leaves, strict=True):
        mask = _per_key(jax.random.bernoulli, rate, leaf.shape[-1:])(key)
        masks.append(mask.astype(leaf.dtype))
    return masks, now


def _per_key(sample, *arguments):
    """Map `sample(key, *arguments) -> [n]` over keys `[*B]`, to `[*B, n]`."""
    return jnp.vectorize(lambda key: sample(key, *arguments), signature="()->(n)")
