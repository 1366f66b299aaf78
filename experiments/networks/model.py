# SPDX-License-Identifier: Apache-2.0
"""The Flax module behind `sequence_network`."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from experiments.networks.base import Batch, Loss, Site
from experiments.networks.embed import Embed
from experiments.networks.recurrent import Recurrent, continued, without_keys
from recur.wrappers import select


class SequenceModel(nnx.Module):
    """The module behind `sequence_network`.

    Attributes:
      layers: the recurrent layers.
      recurrent: their parameters.
      readout: linear layer `H -> O`.
      embed: the input layer.
    """

    def __init__(
        self,
        layers: Recurrent,
        embed: Embed,
        outputs: int,
        readout: str,
        *,
        rngs: nnx.Rngs,
    ):
        params = layers.init(rngs.params(), embed.width)
        self.layers = nnx.static(layers)
        self.recurrent = nnx.data(jax.tree.map(nnx.Param, params))
        width = layers.output_size(embed.width)
        dtype = layers.precision.readout
        self.readout = nnx.Linear(width, outputs, dtype=dtype, rngs=rngs)
        self.embed = embed.build(rngs)
        self.last_valid = readout == "last_valid"

    def apply(
        self, batch: Batch, carry: Any, key: jax.Array | None
    ) -> tuple[jax.Array, Any]:
        """`(logits, carry)`; the logits are float32, so that the loss is."""
        params, xs = self.params(key), self.inputs(batch)
        layer, first = self.layers.layer, batch.first
        if carry is not None and (first is not None or key is not None):
            carry = continued(layer.apply(params, xs[:0])[0], carry, first)
        carry, ys = layer.apply(params, xs, carry, lengths=batch.lengths)
        return self.logits(ys, batch), without_keys(carry)

    def sites(self, batch: Batch, loss: Loss) -> Mapping[str, Site]:
        """The recurrent layers, `layer1` nearest to the input."""

        def of_outputs(ys):
            return loss(self.logits(ys, batch), batch)[0]

        xs = self.inputs(batch)
        return self.layers.sites(self.params(None), xs, batch.lengths, of_outputs)

    def params(self, key: jax.Array | None) -> Any:
        """Parameters of the layers in their precision, with noise where there is a key."""
        values = jax.tree.map(
            lambda param: param[...],
            self.recurrent,
            is_leaf=lambda node: isinstance(node, nnx.Param),
        )
        return self.layers.cast(values, key)

    def inputs(self, batch: Batch) -> jax.Array:
        """`[T, B, I]` in the dtype of the layers."""
        return self.embed(batch.inputs).astype(self.layers.precision.recurrent)

    def logits(self, ys: jax.Array, batch: Batch) -> jax.Array:
        """`[T, B, H] -> [T, B, O]`, or `[B, O]` at the last valid step."""
        if self.last_valid:
            lengths = batch.lengths
            ys = ys[-1] if lengths is None else _at(ys, lengths - 1)
        return self.readout(ys).astype(jnp.float32)


def as_functions(
    build: Callable[[nnx.Rngs], Any],
) -> tuple[Callable[[jax.Array], Any], Callable[[Any], Any]]:
    """A Flax NNX module as pure functions of its parameters, a pytree of nested dicts.

    Returns:
      `(init, bind)`: `key -> params` and `params -> module`.
    """
    structure, abstract = nnx.split(
        nnx.eval_shape(lambda key: build(nnx.Rngs(key)), jax.random.key(0))
    )

    def init(key):
        return nnx.to_pure_dict(nnx.state(build(nnx.Rngs(key))))

    def bind(params):
        state = jax.tree.map(lambda leaf: leaf, abstract)
        nnx.replace_by_pure_dict(state, params)
        return nnx.merge(structure, state)

    return init, bind


def _at(ys: jax.Array, steps: jax.Array) -> jax.Array:
    """`ys[steps[b], b]`, zero for an empty sequence."""
    chosen = jnp.take_along_axis(ys, steps.clip(0)[None, :, None], axis=0)[0]
    return select(steps >= 0, chosen, jnp.zeros_like(chosen))
