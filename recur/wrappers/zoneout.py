# SPDX-License-Identifier: Apache-2.0
"""Zoneout: units that keep their value for a step, at random."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur.cell import Cell, State, factory
from recur.wrappers.noise import check_rate, under_noise


class ZoneoutState(NamedTuple):
    """The state of the cell within; in training, keys `[*B]` for the steps to come."""

    inner: State
    key: jax.Array | None = None


@factory
def zoneout(cell: Cell, rate: float, memory_rate: float = 0.0) -> Cell:
    """s_t <- m_t * s_{t-1} + (1 - m_t) * s_t, m_t in {0, 1} drawn anew at every step.

    In evaluation m_t is its expectation. The output is the first leaf of the new state.

    Args:
      cell: the cell within, whose output is the first leaf of its state.
      rate: the share of units of h, the first leaf, that keep their value.
      memory_rate: the same for all other leaves, as an LSTM's c.

    Raises:
      ValueError: a rate is not in [0, 1); or, at a step of training, the state came
        from elsewhere than `initial_state` with keys in the parameters.

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
    """A mask or its expectation for each leaf, and the keys `[*B]` of the next step."""
    if noise is None:
        return rates, None
    if keys is None:
        raise ValueError(
            "zoneout: the state has no key; start from initial_state(with_key(params, "
            "key), batch_shape), and put zoneout around learned_state, not within"
        )
    now, *each = jnp.moveaxis(_per_key(jax.random.split, len(leaves) + 1)(keys), -1, 0)
    masks = []
    for key, rate, leaf in zip(each, rates, leaves, strict=True):
        draw = _per_key(jax.random.bernoulli, rate, leaf.shape[-1:])
        masks.append(draw(key).astype(leaf.dtype))
    return masks, now


def _per_key(draw, *arguments):
    """`draw(key, *arguments) -> [n]` for keys `[*B]`, to `[*B, n]`."""
    return jnp.vectorize(lambda key: draw(key, *arguments), signature="()->(n)")
