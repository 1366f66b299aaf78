# SPDX-License-Identifier: Apache-2.0
"""Chunks of time: the gradient of every weight is one product for a whole chunk."""

from typing import NamedTuple

import jax

from recur.cell import Cell
from recur.engine import Engine
from recur.engines.anatomy import Anatomy
from recur.engines.chunks import chunk_size, over_chunks
from recur.engines.dissection import dissect
from recur.engines.pushed import push_chunk
from recur.engines.tangents import (
    complete,
    instantiate,
    narrow,
    push,
    tangents_of,
    widen,
)


STEPS = 32
"""Time steps in a chunk: from 16 to 64 the time of a train step differs by a few percent
on the shapes of `python -m experiments.speed`; with 100 a chunk falls out of cache."""


class _Loop(NamedTuple):
    """A cell and how it is run; `weights` and `inputs` are those of its anatomy."""

    cell: Cell
    anatomy: Anatomy
    size: int
    reverse: bool

    def inputs(self, weights, params, xs):
        us = self.cell.project(params, xs)
        return jax.vmap(self.anatomy.make_inputs, (None, 0))(weights, us)

    def run(self, weights, params, state, x):
        """One step, its projection included.

        XLA for CPU fuses a slice of projections made before into whatever reads it, and
        then makes no vectors of that, which is most of the work of a gate. The product of
        one step is an array of its own, and still in cache.
        """
        us = self.cell.project(params, jax.tree.map(lambda v: v[None], x))
        u = jax.tree.map(lambda v: v[0], us)
        inputs = self.anatomy.make_inputs(weights, u)
        return *self.anatomy.run(weights, state, inputs), self.anatomy.apart(inputs)

    def forward(self, weights, params, state, xs):
        def step(state, x):
            return self.run(weights, params, state, x)[:2]

        return jax.lax.scan(step, state, xs, reverse=self.reverse)

    def linear(self, primals, tangents):
        """Values and tangents. Of what it reads, the reverse pass finds stored: the
        states, the products, and the inputs that are not part of a product."""
        weights, params, state, xs = primals
        dweights, dparams, dstate, dxs = map(tangents_of, tangents)
        sums = widen(dweights), widen(dparams)

        def step(state, x):
            after, y, zs, apart = self.run(weights, params, state, x)
            return after, (y, (state, apart, zs))

        def pushed(dstate, x):
            xs, dxs, seen = x
            dweights, dparams = map(narrow, sums, (weights, params))
            _, dinputs = push(
                self.inputs, (weights, params, xs), [dweights, dparams, dxs]
            )
            return push_chunk(
                self.anatomy, (weights, dweights), (seen, dinputs), dstate, self.reverse
            )

        last, (ys, seen) = jax.lax.scan(step, state, xs, reverse=self.reverse)
        # Inside a scan nothing can be merged with the first pass, so CSE may stay on.
        again = jax.checkpoint(pushed, prevent_cse=False)
        dstate = instantiate(dstate, state)
        given = xs, dxs, seen
        dlast, dys = over_chunks(again, dstate, given, size=self.size, reverse=self.reverse)
        out = last, ys
        return out, complete([*dlast, *dys], out)


def chunks_of(steps: int) -> Engine:
    """`chunked` in chunks of about so many time steps."""

    def run(cell, params, state, xs, *, reverse):
        us = jax.eval_shape(cell.project, params, xs)
        size = chunk_size(len(jax.tree.leaves(xs)[0]), steps)
        anatomy = dissect(cell, params, state, us)
        loop = _Loop(cell, anatomy, size, reverse)

        @jax.custom_jvp
        def forward(weights, params, state, xs):
            return loop.forward(weights, params, state, xs)

        forward.defjvp(loop.linear, symbolic_zeros=True)
        return forward(anatomy.make_weights(params), params, state, xs)

    return Engine(run)


chunked = chunks_of(STEPS)
"""The gradient of every weight matrix as one product for a chunk of time. Any cell, any T,
without its author's help: `step` is taken apart by `recur.engines.dissection`.

`jax.lax.scan` adds an outer product of every step to the gradient of a weight; here its
transpose is a product over the chunk. The reverse pass computes gates again, from products
that the forward pass has stored. Forward mode, vmap and higher derivatives work as in a
plain scan: all is `jax.custom_jvp` around loops that JAX transposes itself.
"""
