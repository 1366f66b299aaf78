# SPDX-License-Identifier: Apache-2.0
"""A step split by what its equations depend on, with its matrix products listed."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import Jaxpr, JaxprEqn, Var

from recur.cell import Params, State
from recur.jaxpr.equations import evaluate, read


Arrays = list[jax.Array]


class Product(NamedTuple):
    """z = operand . weight + addend, a product of the state and a matrix of parameters.

    Attributes:
      dot: the `dot_general` equation.
      side: index of the state-dependent operand of `dot`, 0 or 1.
      addend: the variable added to the product, if it does not depend on the state and
        neither it nor the product is read elsewhere; else None.
      out: the variable z.
    """

    dot: JaxprEqn
    side: int
    addend: Var | None
    out: Var

    @property
    def operand(self) -> Any:
        """The operand that depends on the state."""
        return self.dot.invars[self.side]

    @property
    def weight(self) -> Any:
        """The operand that depends on the parameters alone."""
        return self.dot.invars[1 - self.side]

    @property
    def weight_axis(self) -> int:
        """The axis of the weight that is summed over."""
        return self.dot.params["dimension_numbers"][0][1 - self.side][0]

    @property
    def invars(self) -> list[Any]:
        """Both operands, and the addend if there is one."""
        return [*self.dot.invars, *([] if self.addend is None else [self.addend])]

    def multiply(self, operand: jax.Array, matrix: jax.Array, axis: int = 0) -> jax.Array:
        """Compute operand . weight for one time step `[...]` or for a chunk `[T, ...]`.

        One product of two matrices in either case: the gradient of a product over
        several axes, such as time and batch, takes three times as long on a CPU.

        Args:
          operand: the value of the state-dependent operand.
          matrix: the weight `[operand, z]`, or its transpose.
          axis: the axis of `matrix` to sum over.
        """
        summed = self.dot.params["dimension_numbers"][0][self.side][0]
        rank = len(self.operand.aval.shape)
        rows = jnp.moveaxis(operand, summed - rank, -1)
        z = jax.lax.dot_general(
            rows.reshape(-1, rows.shape[-1]),
            matrix,
            (((1,), (axis,)), ((), ())),
            precision=self.dot.params["precision"],
            preferred_element_type=self.dot.params["preferred_element_type"],
        )
        z = z.reshape(*rows.shape[:-1], z.shape[-1])
        return z if self.side == 0 else jnp.moveaxis(z, -1, operand.ndim - rank)


class StepParts(NamedTuple):
    """The step of a cell in three parts, to be evaluated one after the other.

    weights = params_only(params);  inputs = inputs_only(weights, u);
    state, y = recurrent(weights, state, inputs).

    Attributes:
      jaxpr: `(*params, *state, *u) -> (*state, y)`, with calls inlined.
      constants: arrays that the step closes over.
      structure: the tree structure of `(state, y)`.
      param_vars: variables of the constants and the parameters.
      state_vars: variables of the state.
      u_vars: variables of u, one time step of the output of `project`.
      params_only: equations that depend on parameters alone.
      inputs_only: equations that depend on u, but not on the state.
      recurrent: all other equations, in order, products as `Product`.
      weight_vars: variables that depend on parameters alone and are read by
        `inputs_only` or `recurrent`.
      outside_products: the weight variables that are read outside of products.
      input_vars: variables that do not depend on the state and are read by `recurrent`.
    """

    jaxpr: Jaxpr
    constants: Arrays
    structure: Any
    param_vars: list[Var]
    state_vars: list[Var]
    u_vars: list[Var]
    params_only: list[JaxprEqn]
    inputs_only: list[JaxprEqn]
    recurrent: list[JaxprEqn | Product]
    weight_vars: list[Var]
    outside_products: set[Var]
    input_vars: list[Var]

    @property
    def products(self) -> list[Product]:
        """The products of the state and a matrix, in order."""
        return [part for part in self.recurrent if isinstance(part, Product)]

    @property
    def addends(self) -> list[Var]:
        """The input variables that are added to a product and not read elsewhere."""
        return [p.addend for p in self.products if p.addend is not None]

    def make_weights(self, params: Params) -> Arrays:
        """Evaluate the equations that depend on parameters alone."""
        values = [*self.constants, *jax.tree.leaves(params)]
        env = dict(zip(self.param_vars, values, strict=True))
        evaluate(self.params_only, env)
        return [env[var] for var in self.weight_vars]

    def make_inputs(self, weights: Arrays, u: Any) -> Arrays:
        """Evaluate the equations that depend on the input of one time step."""
        env = dict(zip(self.weight_vars, weights, strict=True))
        env |= zip(self.u_vars, jax.tree.leaves(u), strict=True)
        evaluate(self.inputs_only, env)
        return [env[var] for var in self.input_vars]

    def step(
        self,
        weights: Arrays,
        state: State,
        inputs: Arrays,
        multiply: Callable[[Product, jax.Array], jax.Array],
    ) -> tuple[State, jax.Array]:
        """Take one step, with z = `multiply(product, operand)` for every product."""
        env = dict(zip(self.weight_vars, weights, strict=True))
        env |= zip(self.state_vars, jax.tree.leaves(state), strict=True)
        env |= zip(self.input_vars, inputs, strict=True)
        for part in self.recurrent:
            if isinstance(part, Product):
                env[part.out] = multiply(part, env[part.operand])
            else:
                evaluate([part], env)
        out = [read(env, atom) for atom in self.jaxpr.outvars]
        return jax.tree.unflatten(self.structure, out)

    def run(
        self, weights: Arrays, state: State, inputs: Arrays
    ) -> tuple[State, jax.Array, Arrays]:
        """Take one step. Returns the state, the output and z of every product."""
        zs: Arrays = []

        def multiply(product, operand):
            z = product.multiply(operand, self.matrix(product, weights))
            addend = self.addend(product, inputs)
            zs.append(z if addend is None else z + addend)
            return zs[-1]

        return *self.step(weights, state, inputs, multiply), zs

    def matrix(self, product: Product, weights: list[Any]) -> Any:
        """The weight of a product as `[operand, z]`, or None where `weights` has None."""
        weight = weights[self.weight_vars.index(product.weight)]
        return weight if weight is None else jnp.moveaxis(weight, product.weight_axis, 0)

    def addend(self, product: Product, inputs: list[Any]) -> Any:
        """The addend of a product, or None if it has none."""
        pairs = zip(self.input_vars, inputs, strict=True)
        return next((value for var, value in pairs if var is product.addend), None)

    def without_addends(self, inputs: list[Any]) -> list[Any]:
        """Drop the inputs that are addends: z, once stored, contains them."""
        pairs = zip(self.input_vars, inputs, strict=True)
        return [value for var, value in pairs if var not in self.addends]

    def with_empty_addends(self, others: list[Any]) -> list[Any]:
        """Invert `without_addends`, with None in the place of every addend."""
        values = iter(others)
        return [None if var in self.addends else next(values) for var in self.input_vars]
