# SPDX-License-Identifier: Apache-2.0
"""The recurrences to analyse: every site of every network, fresh or trained."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks.base import Benchmark
from experiments.benchmarks.terms import last_term
from experiments.gradient_flow.settings import Lab
from experiments.launch.plan import Plan
from experiments.networks.base import Batch, Network, Site
from experiments.training.lag_curves import flow_batch
from experiments.training.restore import initial_of, restore
from experiments.training.trainer import TrainState, arrays_of
from recur import flow
from recur.cell import Cell, Params, State


class View(NamedTuple):
    """A site for one seed: the arguments of `recur.flow`, and the batch.

    Attributes:
      cell: the cell.
      params: its parameters.
      xs: its inputs, `[T, B, I]`.
      loss: `states -> scalar`, summed over the batch.
      batch: inputs and targets of the network.
      site: all of the above but the batch.
    """

    cell: Cell
    params: Params
    xs: jax.Array
    loss: Callable[[State], jax.Array]
    batch: Batch
    site: Site

    @property
    def first_sequence(self) -> jax.Array:
        """The inputs of the first sequence, `[T, I]`."""
        return self.xs[:, 0]


class Probe(NamedTuple):
    """A site of a network in one phase, for all seeds.

    Attributes:
      name: name of the cell.
      phase: `init` or `trained`.
      site: name of the recurrence.
      network: the network.
      benchmark: the task.
      arrays: its data.
      lab: settings of the analyses.
      params: parameters of the network, for each seed.
    """

    name: str
    phase: str
    site: str
    network: Network
    benchmark: Benchmark
    arrays: Any
    lab: Lab
    params: Sequence[Any]

    @property
    def label(self) -> str:
        """Cell and phase, and the site where there are several."""
        several = len(self.network.site_names) > 1
        return " ".join([self.name, self.phase, *([self.site] if several else [])])

    @property
    def steps(self) -> int:
        """T, the length of the recurrence."""
        return jax.eval_shape(lambda: self.view(self.params[0], 0).xs).shape[0]

    @property
    def window(self) -> int:
        """The steps over which Jacobians are multiplied."""
        return self.lab.window or self.steps

    def view(self, params: Any, seed: jax.typing.ArrayLike) -> View:
        """The site for one seed, on the sequences of the laboratory."""
        batch = self.batch(self.arrays, seed, self.lab.batch)
        site = self.site_of(params, batch)
        return View(site.cell, site.params, site.xs, site.loss, batch, site)

    def batch(self, arrays: Any, seed: jax.typing.ArrayLike, size: int) -> Batch:
        """Sequences that are not trained on, with the loss of the settings."""
        batch = flow_batch(self.benchmark, arrays, seed, size)
        return last_term(batch) if self.lab.loss == "last" else batch

    def site_of(self, params: Any, batch: Batch) -> Site:
        """The site of the network on a batch."""
        return self.network.sites(params, batch, self.benchmark.loss)[self.site]

    def views(self) -> Iterator[View]:
        """The site for every seed."""
        for seed, params in enumerate(self.params):
            yield self.view(params, seed)

    def each(self, function: Callable[[View], Any]) -> Any:
        """Apply a function to every seed; NumPy arrays `[S, ...]`.

        One seed after the other: two factorisations of matrices at the same time can
        deadlock (jaxlib 0.10 on two cores), so the function has one at most.
        """

        def of_seed(arrays, params, seed):
            return function(self._replace(arrays=arrays).view(params, seed))

        run = jax.jit(of_seed)
        found = [
            jax.device_get(run(self.arrays, params, seed))
            for seed, params in enumerate(self.params)
        ]
        return jax.tree.map(lambda *leaves: np.stack(leaves), *found)


def probes(plan: Plan, lab: Lab, run: Path | None) -> Iterator[Probe]:
    """Every site of every cell: before training and, from a run directory, after it.

    Raises:
      UsageError: the run has no checkpoint of a cell, or none that can be read.
    """
    arrays = arrays_of(plan.benchmark)
    for name in plan.cells:
        phases = {"init": initial_of(plan, name)}
        if run is not None:
            phases["trained"] = restore(plan, name, run)
        network = plan.network(name)
        for phase, states in phases.items():
            params = _per_seed(states, plan.run.seeds)
            for site in network.site_names:
                yield Probe(
                    name, phase, site, network, plan.benchmark, arrays, lab, params
                )


def path_names(probe: Probe) -> tuple[str, ...]:
    """The paths of the cell of a site."""
    view = probe.view(probe.params[0], 0)
    state = view.cell.initial_state(view.params, view.xs.shape[1:-1])
    us = view.cell.project(view.params, view.xs)
    return flow.paths_of(view.cell, view.params, state, us).names


def state_size(view: View) -> int:
    """The numbers in the state of one sequence."""
    state = jax.eval_shape(lambda: view.cell.initial_state(view.params, ()))
    return sum(leaf.size for leaf in jax.tree.leaves(state))


def _per_seed(states: TrainState, seeds: int) -> list[Any]:
    return [
        jax.tree.map(lambda leaf, i=i: jnp.asarray(leaf[i]), states.params)
        for i in range(seeds)
    ]
