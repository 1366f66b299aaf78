# SPDX-License-Identifier: Apache-2.0
"""The parts of a step: what it makes of the parameters alone, of the input alone, and of
the state, with every product of state and parameters in sight."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import Jaxpr, JaxprEqn, Var

from recur.cell import Params, State
from recur.engines.jaxprs import evaluate, read


Arrays = list[jax.Array]


class Product(NamedTuple):
    """z = operand . weight + addend, where the state meets a matrix of parameters.

    Attributes:
      dot: the equation of the product.
      side: which operand of `dot` depends on the state, 0 or 1.
      addend: what is added, if the sum is all that is made of it and of the product, and
        it does not depend on the state; else None.
      out: z.
    """

    dot: JaxprEqn
    side: int
    addend: Var | None
    out: Var

    @property
    def operand(self) -> Any:
        """What depends on the state."""
        return self.dot.invars[self.side]

    @property
    def weight(self) -> Any:
        """What does not."""
        return self.dot.invars[1 - self.side]

    @property
    def inner(self) -> int:
        """The axis of the weight that is summed over."""
        return self.dot.params["dimension_numbers"][0][1 - self.side][0]

    @property
    def invars(self) -> list[Any]:
        """All that goes into it."""
        return [*self.dot.invars, *([] if self.addend is None else [self.addend])]

    def multiply(self, operand: jax.Array, matrix: jax.Array, axis: int = 0) -> jax.Array:
        """operand . weight, for one time step `[...]` or for a chunk of them `[T, ...]`.

        One product of two matrices in either case: the gradient of a product over
        several axes, such as time and batch, is three times slower on a CPU.

        Args:
          operand: what depends on the state.
          matrix: the weight `[operand, z]`, or transposed.
          axis: that of the operand in it.
        """
        mine = self.dot.params["dimension_numbers"][0][self.side][0]
        rank = len(self.operand.aval.shape)
        rows = jnp.moveaxis(operand, mine - rank, -1)
        z = jax.lax.dot_general(
            rows.reshape(-1, rows.shape[-1]),
            matrix,
            (((1,), (axis,)), ((), ())),
            precision=self.dot.params["precision"],
            preferred_element_type=self.dot.params["preferred_element_type"],
        )
        z = z.reshape(*rows.shape[:-1], z.shape[-1])
        return z if self.side == 0 else jnp.moveaxis(z, -1, operand.ndim - rank)


class Anatomy(NamedTuple):
    """The step of a cell in parts.

    Attributes:
      jaxpr: `(*params, *state, *u) -> (*state, y)`, without calls.
      constants: arrays that the step holds itself.
      structure: of `(state, y)`.
      given: the variables of the constants and the parameters.
      state: the variables of the state.
      u: the variables of the input.
      once: equations that see parameters alone.
      ahead: equations that see the input too, but no state.
      rest: all others and the products, in order.
      weights: what `once` hands on.
      direct: those of the weights that are used outside of products.
      inputs: what `ahead` hands on.
    """

    jaxpr: Jaxpr
    constants: Arrays
    structure: Any
    given: list[Var]
    state: list[Var]
    u: list[Var]
    once: list[JaxprEqn]
    ahead: list[JaxprEqn]
    rest: list[JaxprEqn | Product]
    weights: list[Var]
    direct: set[Var]
    inputs: list[Var]

    @property
    def products(self) -> list[Product]:
        """The products, in order."""
        return [part for part in self.rest if isinstance(part, Product)]

    @property
    def addends(self) -> list[Var]:
        """Inputs that are part of a product, and of nothing else."""
        return [p.addend for p in self.products if p.addend is not None]

    def make_weights(self, params: Params) -> Arrays:
        """All that the step needs of the parameters."""
        env = dict(zip(self.given, [*self.constants, *jax.tree.leaves(params)], strict=True))
        evaluate(self.once, env)
        return [env[var] for var in self.weights]

    def make_inputs(self, weights: Arrays, u: Any) -> Arrays:
        """All that the step needs of the input of one time step."""
        env = dict(zip(self.weights, weights, strict=True))
        env |= zip(self.u, jax.tree.leaves(u), strict=True)
        evaluate(self.ahead, env)
        return [env[var] for var in self.inputs]

    def step(
        self,
        weights: Arrays,
        state: State,
        inputs: Arrays,
        multiply: Callable[[Product, jax.Array], jax.Array],
    ) -> tuple[State, jax.Array]:
        """The step of the cell, where z of a product is `multiply(product, operand)`."""
        env = dict(zip(self.weights, weights, strict=True))
        env |= zip(self.state, jax.tree.leaves(state), strict=True)
        env |= zip(self.inputs, inputs, strict=True)
        for part in self.rest:
            if isinstance(part, Product):
                env[part.out] = multiply(part, env[part.operand])
            else:
                evaluate([part], env)
        out = [read(env, atom) for atom in self.jaxpr.outvars]
        return jax.tree.unflatten(self.structure, out)

    def run(
        self, weights: Arrays, state: State, inputs: Arrays
    ) -> tuple[State, jax.Array, Arrays]:
        """The step of the cell: state, output, and the z of every product."""
        zs: Arrays = []

        def multiply(product, operand):
            z = product.multiply(operand, self.matrix(product, weights))
            addend = self.addend(product, inputs)
            zs.append(z if addend is None else z + addend)
            return zs[-1]

        return *self.step(weights, state, inputs, multiply), zs

    def matrix(self, product: Product, weights: list[Any]) -> Any:
        """That of the weights which is in the product as `[operand, z]`, or None."""
        weight = weights[self.weights.index(product.weight)]
        return weight if weight is None else jnp.moveaxis(weight, product.inner, 0)

    def addend(self, product: Product, inputs: list[Any]) -> Any:
        """That of the inputs which is added in the product, or None."""
        found = (v for var, v in zip(self.inputs, inputs, strict=True) if var is product.addend)
        return next(found, None)

    def apart(self, inputs: list[Any]) -> list[Any]:
        """The inputs that are not part of a product."""
        pairs = zip(self.inputs, inputs, strict=True)
        return [value for var, value in pairs if var not in self.addends]

    def whole(self, apart: list[Any]) -> list[Any]:
        """What `apart` was made of, None for what it left out."""
        rest = iter(apart)
        return [None if var in self.addends else next(rest) for var in self.inputs]
