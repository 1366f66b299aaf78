# SPDX-License-Identifier: Apache-2.0
"""The default engine: one matrix product per weight and chunk of time for the gradient.

The transpose of `jax.lax.scan` adds an outer product to the gradient of a weight at every
step. This engine finds the products of state and weight in the step's jaxpr and computes
the gradient of each weight as one product over a chunk of 32 steps. It works on any cell.

The steps of the method, for an RNN h_t = tanh(h_{t-1} @ w_h + u_t) with a batch of B:

(1) Trace the step.

        { lambda ; w_h:f32[H,H] h:f32[B,H] u:f32[B,H]. let
            d:f32[B,H] = dot_general[...] h w_h
            z:f32[B,H] = add d u
            y:f32[B,H] = tanh z
          in (y, y) }

(2) Split its equations by what they depend on (`recur.jaxpr.split_step`).

        params_only   none; the slice of a gate out of w_h would be here
        inputs_only   none; a function of u alone would be here
        recurrent     the Product z = h . w_h + u, and tanh

(3) Scan, saving states and products (`loop.py`): h_{t-1} and z_t of every step.

(4) Push tangents through one chunk after the other (`tangent.py`). The tangent of a step,
    dz_t = dh_{t-1} @ w_h + h_{t-1} @ dw_h + du_t, has two terms that do not depend on the
    tangent of the state. They are computed for a whole chunk, with one product:

        e = h_before.reshape(T * B, H) @ dw_h + du                    the chunk at once
        dh_t = (1 - tanh(z_t)^2) * (dh_{t-1} @ w_h + e_t)             scan over t

(5) Let JAX transpose (4), which is linear in the tangents. The scan runs backwards over
    the adjoints dL/de_t = (1 - tanh(z_t)^2) * dL/dh_t, and the product for the chunk
    becomes the gradient of the weight, the sum over t of h_{t-1}^T dL/de_t:

        dL/dw_h = h_before.reshape(T * B, H)^T @ dL/de.reshape(T * B, H)

Gates are computed again in the reverse pass, from the stored z. Forward mode, `vmap` and
higher derivatives work as in a plain scan, since only `jax.custom_jvp` is involved.
`chunks.py` cuts time into chunks; `symbolic_zeros.py` skips tangents that are zero.
"""

import jax

from recur.engine import Engine
from recur.engines.chunked.chunks import chunk_size
from recur.engines.chunked.loop import Loop
from recur.jaxpr import split_step


STEPS = 32
"""Time steps in a chunk: from 16 to 64 the time of a train step differs by a few percent
on the shapes of `python -m experiments.speed`; a chunk of 100 no longer fits in cache."""


def chunks_of(steps: int) -> Engine:
    """Make the chunked engine with another length of chunks.

    Args:
      steps: time steps in a chunk; a divisor of T near it is preferred.
    """

    def run(cell, params, state, xs, *, reverse):
        us = jax.eval_shape(cell.project, params, xs)
        size = chunk_size(len(jax.tree.leaves(xs)[0]), steps)
        parts = split_step(cell, params, state, us)
        loop = Loop(cell, parts, size, reverse)

        @jax.custom_jvp
        def forward(weights, params, state, xs):
            return loop.forward(weights, params, state, xs)

        forward.defjvp(loop.jvp, symbolic_zeros=True)
        return forward(parts.make_weights(params), params, state, xs)

    return Engine(run)


chunked = chunks_of(STEPS)
"""The chunked engine with chunks of 32 steps."""
