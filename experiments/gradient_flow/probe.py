# SPDX-License-Identifier: Apache-2.0
"""A network under the microscope: fresh or trained, with the sequences it is given."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks.base import Batch, Benchmark
from experiments.config.options import Value
from experiments.gradient_flow.settings import Lab
from experiments.networks.sequence import Model, Network
from experiments.training.lag_curves import output
from experiments.training.trainer import keys_of
from recur import flow
from recur.cell import Cell, Params, State


class View(NamedTuple):
    """One seed of a network, and what it is given.

    Attributes:
      cell: the cell.
      params: its parameters.
      xs: `[T, B, I]` what it reads.
      loss: `states -> scalar`, the sum over the batch.
      model: the network around it.
      batch: inputs and targets.
    """

    cell: Cell
    params: Params
    xs: jax.Array
    loss: Callable[[State], jax.Array]
    model: Model
    batch: Batch


class Probe(NamedTuple):
    """A network in one phase, with all its seeds.

    Attributes:
      name: of the cell.
      phase: `init` or `trained`.
      network: the network.
      benchmark: what it is given.
      lab: how it is looked at.
      params: of each seed.
      settings: all that the network was made with.
    """

    name: str
    phase: str
    network: Network
    benchmark: Benchmark
    lab: Lab
    params: Sequence[Any]
    settings: Mapping[str, Value]

    @property
    def window(self) -> int:
        """The steps over which Jacobians are multiplied."""
        return self.lab.window or self.benchmark.steps

    def view(self, params: Any, seed: jax.typing.ArrayLike) -> View:
        """One seed; the sequences are held out, and the same at every call."""
        model = self.network.bind(params)
        batch = self.benchmark.batch(keys_of(jnp.asarray(seed)).flow, self.lab.batch)
        last = slice(-1, None) if self.lab.loss == "last" else slice(None)

        def loss(states):
            logits = model.logits(output(states)[last])
            losses = self.benchmark.loss(logits, batch.targets[last])
            # What does not count in training does not here.
            return (losses if batch.weights is None else losses * batch.weights[last]).sum()

        xs = model.cell_inputs(batch.inputs)
        return View(model.cell, model.cell_params(), xs, loss, model, batch)

    def views(self) -> Iterator[View]:
        """Every seed."""
        for seed, params in enumerate(self.params):
            yield self.view(params, seed)

    def each(self, function: Callable[[View], Any]) -> Any:
        """`function` of every seed, compiled once, as NumPy arrays `[S, ...]`.

        One seed after the other: two factorisations of matrices at the same time can wait
        for each other for ever (jaxlib 0.10 on two cores). So a function has one at most.
        """
        run = jax.jit(lambda params, seed: function(self.view(params, seed)))
        found = [jax.device_get(run(p, seed)) for seed, p in enumerate(self.params)]
        return jax.tree.map(lambda *leaves: np.stack(leaves), *found)


def path_names(probe: Probe) -> tuple[str, ...]:
    """The paths of its cell."""
    view = probe.view(probe.params[0], 0)
    state = view.cell.initial_state(view.params, view.xs.shape[1:-1])
    us = view.cell.project(view.params, view.xs)
    return flow.paths_of(view.cell, view.params, state, us).names


def state_size(view: View) -> int:
    """The numbers in the state of one sequence."""
    state = jax.eval_shape(lambda: view.cell.initial_state(view.params, ()))
    return sum(leaf.size for leaf in jax.tree.leaves(state))
