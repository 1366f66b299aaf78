# SPDX-License-Identifier: Apache-2.0
"""Write with a language model: draw each symbol and read it back in.

    p(x_t) = softmax(logits_t / temperature), over the `top_k` most likely symbols
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from experiments.networks.base import Batch, Decoded, Decoding


Apply = Callable[[Batch, Any, None], tuple[jax.Array, Any]]
"""`(batch, carry, None) -> (logits [T, B, V], carry)`: a network with its parameters."""


def generate(
    apply: Apply, prompt: jax.Array, key: jax.Array, config: Decoding
) -> Decoded:
    """Read a prompt, then write.

    Args:
      apply: the network.
      prompt: `[P, B]` ids, P >= 1.
      key: source of all randomness.
      config: temperature, top_k and length.

    Returns:
      `[length, B]` ids that follow the prompt.
    """
    logits, carry = apply(Batch(prompt, None), None, None)

    def step(state, key):
        carry, logits = state
        ids = jax.random.categorical(key, tempered(logits, config))
        after, carry = apply(Batch(ids[None], None), carry, None)
        return (carry, after[0]), ids

    keys = jax.random.split(key, config.length)
    _, ids = jax.lax.scan(step, (carry, logits[-1]), keys)
    return Decoded(ids, jnp.full(prompt.shape[1], config.length))


def tempered(logits: jax.Array, config: Decoding) -> jax.Array:
    """Logits `[..., V]` over the temperature; -inf beyond the `top_k` most likely."""
    scaled = logits / config.temperature
    if not 0 < config.top_k < logits.shape[-1]:
        return scaled
    least = jax.lax.top_k(scaled, config.top_k)[0][..., -1:]
    return jnp.where(scaled < least, -jnp.inf, scaled)


def as_ids(text: str, vocabulary: Sequence[str]) -> list[int]:
    """The ids of the characters of a text.

    Raises:
      ValueError: names the first character outside the vocabulary.
    """
    number = {symbol: index for index, symbol in enumerate(vocabulary)}
    for character in text:
        if character not in number:
            raise ValueError(
                f"prompt has {character!r}, which is not in the vocabulary of the model: "
                f"use {''.join(vocabulary)!r}"
            )
    return [number[character] for character in text]


def as_text(ids: Sequence[int], vocabulary: Sequence[str]) -> str:
    """The text of ids."""
    return "".join(vocabulary[i] for i in ids)
