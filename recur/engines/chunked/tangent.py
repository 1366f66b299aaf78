# SPDX-License-Identifier: Apache-2.0
"""Push tangents through a chunk of time, with one product for each weight."""

import functools

import jax

from recur.engines.chunked.symbolic_zeros import push


def push_chunk(parts, weights, stored, dstate, reverse):
    """Compute tangents of the state after a chunk and of the outputs.

    Linear in the tangents, so JAX can transpose it into the reverse pass.

    Args:
      parts: the `StepParts` of the cell.
      weights: the weights, and their tangents.
      stored: `(states, inputs without addends, zs)` of every step of the chunk, and the
        tangents of all inputs.
      dstate: tangents of the leaves of the state before the chunk.
      reverse: the direction.

    Returns:
      `(dstate after the chunk, dys)`.
    """
    (weights, dweights), ((states, inputs, zs), dinputs) = weights, stored
    transposed = [parts.matrix(p, weights).T for p in parts.products]
    dzs = _state_independent(parts, weights, dweights, (states, inputs, zs), dinputs)
    other_dweights = [
        dweight if var in parts.outside_products else None
        for var, dweight in zip(parts.weight_vars, dweights, strict=True)
    ]

    # Without it the forward pass would store every factor of the linear map.
    @functools.partial(jax.checkpoint, prevent_cse=False)
    def step(dstate, x):
        (state, inputs, zs), dinputs, dzs = x

        def with_stored_products(state, weights, inputs, zs):
            remaining = iter(zip(transposed, zs, strict=True))

            def multiply(product, operand):
                return _stored_product(product.multiply, operand, *next(remaining))

            return parts.step(weights, state, parts.with_empty_addends(inputs), multiply)

        primals = state, weights, inputs, zs
        tangents = [dstate, other_dweights, dinputs, dzs]
        _, pushed = push(with_stored_products, primals, tangents)
        return pushed[: len(dstate)], pushed[len(dstate) :]

    steps = (states, inputs, zs), parts.without_addends(dinputs), dzs
    return jax.lax.scan(step, dstate, steps, reverse=reverse)


def _state_independent(parts, weights, dweights, stored, dinputs):
    """The part of dz that does not depend on dstate: operand . dweight + daddend.

    Computed for all steps of the chunk at once, one array `[T, ...]` for each product.
    """

    def operands_of(state, inputs, zs):
        operands = []

        def multiply(product, operand):
            operands.append(operand)
            return zs[parts.products.index(product)]

        parts.step(weights, state, parts.with_empty_addends(inputs), multiply)
        return operands

    def tangent(product, operand):
        dweight = parts.matrix(product, dweights)
        daddend = parts.addend(product, dinputs)
        if dweight is None:
            return daddend
        dz = product.multiply(operand, dweight)
        return dz if daddend is None else dz + daddend

    operands = jax.vmap(operands_of)(*stored)
    return [tangent(*pair) for pair in zip(parts.products, operands, strict=True)]


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _stored_product(multiply, operand, transposed, z):
    """z, with the tangent doperand . weight + dz.

    With the weight transposed, the product of the reverse pass, which is the transpose
    of this tangent, multiplies rows by columns, which on a CPU takes 0.7 of the time of
    rows by rows.
    """
    del multiply, operand, transposed
    return z


@_stored_product.defjvp
def _(multiply, primals, tangents):
    _, transposed, z = primals
    doperand, _, dz = tangents
    return z, multiply(doperand, transposed, 1) + dz
