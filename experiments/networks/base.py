# SPDX-License-Identifier: Apache-2.0
"""What a network is: pure functions of a batch, and the recurrences inside.

Shape letters: `T` time steps, `B` sequences of a batch, `I` input features, `H` hidden
units, `O` outputs. Time is always the leading axis.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recur.cell import Cell, Params, State


class Batch(NamedTuple):
    """A batch of sequences.

    Attributes:
      inputs: pytree of `[T, B, ...]` or `[B, ...]`: ids, numbers, vectors, images.
      targets: one class or number a step `[T, B]`, one a sequence `[B]`, or a pytree.
      weights: weight of each term of the loss, as `targets`; None weighs all valid
        steps alike.
      lengths: `[B]` int32, valid input steps; None where all are valid.
      first: `[]` bool, true where continuing streams start; None where every batch
        starts from the initial state.
    """

    inputs: Any
    targets: Any
    weights: jax.Array | None = None
    lengths: jax.Array | None = None
    first: jax.Array | None = None


def valid_steps(lengths: jax.Array | None, steps: int) -> jax.Array | None:
    """`[T, B]` bool, true before the end of each sequence; None where all are valid."""
    return None if lengths is None else jnp.arange(steps)[:, None] < lengths


class Site(NamedTuple):
    """One recurrence inside a network: the arguments of every function of `recur.flow`.

    Attributes:
      cell: the cell.
      params: its parameters.
      xs: its inputs, `[T, B, I]`.
      loss: `states -> scalar`, the loss of the network, summed over the batch, as a
        function of the states `[T, B, ...]` of this recurrence. It does not depend on
        states after the end of a sequence.
      lengths: `[B]` valid steps of each sequence; None where all are valid.
    """

    cell: Cell
    params: Params
    xs: Any
    loss: Callable[[State], jax.Array]
    lengths: jax.Array | None = None

    @property
    def valid(self) -> jax.Array | None:
        """`[T, B]` bool, the valid steps; None where all are valid."""
        return valid_steps(self.lengths, len(self.xs))


class Decoding(NamedTuple):
    """How outputs are drawn one after the other.

    Attributes:
      temperature: divides the logits; above 0, 1 draws from the learned distribution.
      top_k: draw from the k most likely symbols; 0 draws from all.
      length: symbols to draw.
    """

    temperature: float = 1.0
    top_k: int = 0
    length: int = 200


class Decoded(NamedTuple):
    """Decoded sequences.

    Attributes:
      ids: `[N, B]` int32.
      lengths: `[B]` int32, valid ids.
    """

    ids: jax.Array
    lengths: jax.Array


Terms = tuple[jax.Array, jax.Array]
"""`(sum, count)`: a mean over a data set is the sum of sums over the sum of counts."""

Loss = Callable[[Any, Batch], Terms]
"""`(outputs, batch) -> (sum, count)`."""


class Network(NamedTuple):
    """A network as pure functions.

    Attributes:
      init: `key -> params`, a pytree of float32 arrays.
      apply: `(params, batch, carry, key) -> (outputs, carry)`. The carry is the state of
        all recurrences, None for the initial one; a key switches noise on, None off.
      sites: `(params, batch, loss) -> {name: Site}`, for the sum of the loss.
      site_names: the names of the recurrences, in the order of the data.
      decode: `(params, prompt [P, B] ids, key, Decoding) -> Decoded`, or None.
    """

    init: Callable[[jax.Array], Any]
    apply: Callable[[Any, Batch, Any, jax.Array | None], tuple[Any, Any]]
    sites: Callable[[Any, Batch, Loss], Mapping[str, Site]]
    site_names: tuple[str, ...]
    decode: Callable[[Any, jax.Array, jax.Array, Decoding], Decoded] | None = None
