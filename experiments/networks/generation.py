# SPDX-License-Identifier: Apache-2.0
"""What a language model writes: one symbol after the other, each drawn and read again.

    p(x_t) = softmax(logits_t / temperature), over the `top_k` likeliest symbols alone
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from experiments.networks.sequence import Network


class Manner(NamedTuple):
    """How symbols are drawn.

    Attributes:
      temperature: above 0; small is sure of itself, 1 is what was learned.
      top_k: only that many of the likeliest symbols; 0 is all.
      length: how many symbols to write.
    """

    temperature: float = 1.0
    top_k: int = 0
    length: int = 200


def write(
    network: Network,
    params: Any,
    symbols: int,
    prompt: jax.Array,
    key: jax.Array,
    manner: Manner,
) -> jax.Array:
    """Read the prompt, then write.

    Args:
      network: the model.
      params: its parameters.
      symbols: V.
      prompt: `[P]` ids, P >= 1.
      key: what is drawn comes from it alone.
      manner: how.

    Returns:
      `[length]` ids that follow the prompt.
    """
    model = network.bind(params)
    read = jax.nn.one_hot(prompt[:, None], symbols)
    state, logits = model.go_on(read, None)

    def draw(carry, key):
        state, logits = carry
        drawn = jax.random.categorical(key, tempered(logits, manner))
        shown = jax.nn.one_hot(drawn[None, None], symbols)
        state, after = model.go_on(shown, state)
        return (state, after[0, 0]), drawn

    keys = jax.random.split(key, manner.length)
    return jax.lax.scan(draw, (state, logits[-1, 0]), keys)[1]


def tempered(logits: jax.Array, manner: Manner) -> jax.Array:
    """Logits `[V]` at a temperature, those beyond the likeliest at -inf."""
    scaled = logits / manner.temperature
    if not 0 < manner.top_k < len(logits):
        return scaled
    least = jax.lax.top_k(scaled, manner.top_k)[0][-1]
    return jnp.where(scaled < least, -jnp.inf, scaled)


def as_ids(text: str, symbols: Sequence[str]) -> list[int]:
    """The ids of a text.

    Raises:
      ValueError: names the first character that the model does not know.
    """
    number = {symbol: index for index, symbol in enumerate(symbols)}
    for character in text:
        if character not in number:
            shown = "".join(symbols)
            raise ValueError(
                f"prompt has {character!r}, which the model does not know: use {shown!r}"
            )
    return [number[character] for character in text]
