# SPDX-License-Identifier: Apache-2.0
"""The network of every task with one recurrence: inputs -> layers -> linear readout."""

import typing
from collections.abc import Callable
from typing import Literal

from experiments.networks.base import Network
from experiments.networks.embed import Embed
from experiments.networks.generation import generate
from experiments.networks.recurrent import Recurrent


Readout = Literal["every_step", "last_valid"]

MakeNetwork = Callable[[Recurrent], Network]
"""`recurrent layers -> network`: what a benchmark says of its network."""


def sequence_network(
    embed: Embed,
    outputs: int,
    readout: Readout = "every_step",
    *,
    generates: bool = False,
) -> MakeNetwork:
    """Embed, recurrent layers, readout: logits_t = W_y h_t + b_y, in float32.

    h_t `[B, H]` is the output of the last recurrent layer. Inputs of a batch are padded at
    the end; `lengths` freezes the state there.

    Args:
      embed: the input layer, such as `one_hot(10)`.
      outputs: O, classes or numbers to predict.
      readout: `every_step` gives `[T, B, O]`; `last_valid` gives `[B, O]`, read at the
        last valid step of each sequence.
      generates: inputs and outputs are the same ids, so that the network can write.

    Raises:
      ValueError: the readout is unknown, or ids of inputs and outputs differ.
    """
    if readout not in typing.get_args(Readout):
        raise ValueError(
            f"sequence_network: readout must be one of {', '.join(typing.get_args(Readout))}"
            f"; got {readout!r}"
        )
    if generates and (readout != "every_step" or embed.vocabulary != outputs):
        raise ValueError(
            f"sequence_network: a network that generates reads and predicts the same ids at "
            f"every step; got {embed.vocabulary} ids, {outputs} outputs, readout {readout!r}"
        )

    def make(recurrent: Recurrent) -> Network:
        # flax takes half a second to import, which an error message need not wait for.
        from experiments.networks.model import SequenceModel, as_functions

        def build(rngs):
            return SequenceModel(recurrent, embed, outputs, readout, rngs=rngs)

        init, bind = as_functions(build)

        def apply(params, batch, carry=None, key=None):
            return bind(params).apply(batch, carry, key)

        def sites(params, batch, loss):
            return bind(params).sites(batch, loss)

        def decode(params, prompt, key, config):
            return generate(lambda *given: apply(params, *given), prompt, key, config)

        writes = decode if generates else None
        return Network(init, apply, sites, recurrent.site_names, writes)

    return make
