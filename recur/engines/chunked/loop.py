# SPDX-License-Identifier: Apache-2.0
"""The forward pass of the chunked engine, and its derivative."""

from typing import NamedTuple

import jax

from recur.cell import Cell
from recur.engines.chunked.chunks import over_chunks
from recur.engines.chunked.symbolic_zeros import (
    complete,
    instantiate,
    narrow,
    push,
    tangents_of,
    widen,
)
from recur.engines.chunked.tangent import push_chunk
from recur.jaxpr import StepParts


class Loop(NamedTuple):
    """A loop over time. `weights` and `inputs` are what `StepParts` calls so.

    Attributes:
      cell: the cell.
      parts: its step, split.
      size: time steps in a chunk.
      reverse: run from the last step to the first.
    """

    cell: Cell
    parts: StepParts
    size: int
    reverse: bool

    def forward(self, weights, params, state, xs):
        """Scan without storing anything. Returns `(state, ys)`."""

        def step(state, x):
            return self._step(weights, params, state, x)[:2]

        return jax.lax.scan(step, state, xs, reverse=self.reverse)

    def jvp(self, primals, tangents):
        """Scan, saving states and products, then push tangents chunk by chunk.

        The reverse pass, the transpose, reads the stored states, the z of every product,
        and the inputs that are not part of a z.
        """
        weights, params, state, xs = primals
        dweights, dparams, dstate, dxs = map(tangents_of, tangents)
        # The reverse pass adds up gradients of weights over chunks in this precision.
        sums = widen(dweights), widen(dparams)

        def step(state, x):
            after, y, zs, others = self._step(weights, params, state, x)
            return after, (y, (state, others, zs))

        def push_one(dstate, chunk):
            xs, dxs, stored = chunk
            dweights, dparams = map(narrow, sums, (weights, params))
            _, dinputs = push(
                self._inputs, (weights, params, xs), [dweights, dparams, dxs]
            )
            return push_chunk(
                self.parts, (weights, dweights), (stored, dinputs), dstate, self.reverse
            )

        last, (ys, stored) = jax.lax.scan(step, state, xs, reverse=self.reverse)
        # CSE cannot merge the recomputation with the first pass inside of a scan.
        recomputed = jax.checkpoint(push_one, prevent_cse=False)
        dlast, dys = over_chunks(
            recomputed,
            instantiate(dstate, state),
            (xs, dxs, stored),
            size=self.size,
            reverse=self.reverse,
        )
        out = last, ys
        return out, complete([*dlast, *dys], out)

    def _inputs(self, weights, params, xs):
        us = self.cell.project(params, xs)
        return jax.vmap(self.parts.make_inputs, (None, 0))(weights, us)

    def _step(self, weights, params, state, x):
        """Project the input and take one step.

        Returns:
          `(state, y, zs, inputs that are not addends)`.

        The projection is inside the loop because XLA for CPU fuses a slice of a
        projection made before the loop into the gates, and then does not vectorise them,
        which are most of the work. The projection of one step is an array of its own,
        and still in cache.
        """
        us = self.cell.project(params, jax.tree.map(lambda v: v[None], x))
        u = jax.tree.map(lambda v: v[0], us)
        inputs = self.parts.make_inputs(weights, u)
        return *self.parts.run(weights, state, inputs), self.parts.without_addends(inputs)
