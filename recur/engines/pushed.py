# SPDX-License-Identifier: Apache-2.0
"""Tangents pushed through a chunk of time; their transpose is the reverse pass."""

import functools

import jax

from recur.engines.tangents import push


def push_chunk(anatomy, weights, seen, dstate, reverse):
    """Tangents of the state after a chunk, and of its outputs.

    Linear in the tangents, by way of one product by the tangent of a weight for a chunk.

    Args:
      anatomy: of the step.
      weights: the weights of the step, and their tangents.
      seen: `(states, inputs, zs)` of every step, and the tangents of all its inputs.
      dstate: tangents of the leaves of the state before the first step.
      reverse: the direction.
    """
    (weights, dweights), ((states, inputs, zs), dinputs) = weights, seen
    flipped = [anatomy.matrix(p, weights).T for p in anatomy.products]
    dzs = _foreseen(anatomy, weights, dweights, (states, inputs, zs), dinputs)
    direct = [
        dweight if var in anatomy.direct else None
        for var, dweight in zip(anatomy.weights, dweights, strict=True)
    ]

    # Without it the forward pass would store all that is not linear in the tangents.
    @functools.partial(jax.checkpoint, prevent_cse=False)
    def step(dstate, x):
        (state, inputs, zs), dinputs, dzs = x

        def again(state, weights, inputs, zs):
            known = iter(zip(flipped, zs, strict=True))

            def multiply(product, operand):
                return _known(product.multiply, operand, *next(known))

            return anatomy.step(weights, state, anatomy.whole(inputs), multiply)

        primals = state, weights, inputs, zs
        _, pushed = push(again, primals, [dstate, direct, dinputs, dzs])
        return pushed[: len(dstate)], pushed[len(dstate) :]

    steps = (states, inputs, zs), anatomy.apart(dinputs), dzs
    return jax.lax.scan(step, dstate, steps, reverse=reverse)


def _foreseen(anatomy, weights, dweights, seen, dinputs):
    """Of the tangent of every product, what does not come through the state: that of the
    weight, for all steps at once, and that of the addend."""

    def operands_of(state, inputs, zs):
        operands = []

        def multiply(product, operand):
            operands.append(operand)
            return zs[anatomy.products.index(product)]

        anatomy.step(weights, state, anatomy.whole(inputs), multiply)
        return operands

    def tangent(product, operand):
        dweight = anatomy.matrix(product, dweights)
        dz = anatomy.addend(product, dinputs)
        if dweight is None:
            return dz
        through = product.multiply(operand, dweight)
        return through if dz is None else through + dz

    operands = jax.vmap(operands_of)(*seen)
    return [tangent(*pair) for pair in zip(anatomy.products, operands, strict=True)]


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _known(multiply, operand, flipped, z):
    """A product whose value is known, and whose tangent is not.

    With the transposed weight the product of the reverse pass, its transpose, is one of
    rows by columns, which on a CPU takes 0.7 of the time of rows by rows.
    """
    del multiply, operand, flipped
    return z


@_known.defjvp
def _(multiply, primals, tangents):
    _, flipped, z = primals
    doperand, _, dz = tangents
    return z, multiply(doperand, flipped, 1) + dz
