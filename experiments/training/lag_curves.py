# SPDX-License-Identifier: Apache-2.0
"""Lag curves of a network on a benchmark: gradient norm against distance in time."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from experiments.benchmarks.base import Benchmark
from experiments.benchmarks.terms import last_term
from experiments.networks.base import Batch, Network, Site
from experiments.training.keys import keys_of
from recur import flow


LagCurves = Mapping[str, np.ndarray]
"""State name, as `labelled` gives it -> `[S, T]` log10 norms by lag."""

Curves = Mapping[str, Mapping[str, LagCurves]]
"""cell -> phase -> lag curves."""


def make_curves(
    network: Network, benchmark: Benchmark, batch_size: int
) -> Callable[..., dict[str, jax.Array]]:
    """Lag curves of the loss at the last step, for every site of a network.

    The loss is summed over the batch, so each sequence has the derivative of its own
    loss. The sequences are the same at every call; none of them is trained on.

    Returns:
      `(arrays, params, seed) -> {state name: [T] log10 norms by lag}`.
    """

    def curves(arrays, params, seed):
        batch = last_term(flow_batch(benchmark, arrays, seed, batch_size))
        sites = network.sites(params, batch, benchmark.loss)
        return labelled({name: by_leaf(_lag_curve(site)) for name, site in sites.items()})

    return curves


def _lag_curve(site: Site) -> Any:
    return flow.lag_curve(site.cell, site.params, site.xs, site.loss)


def flow_batch(
    benchmark: Benchmark, arrays: Any, seed: jax.typing.ArrayLike, batch_size: int
) -> Batch:
    """The sequences of gradient-flow curves: new ones, or validation data."""
    name = "train" if benchmark.flow is None else "flow"
    data = benchmark.train if benchmark.flow is None else benchmark.flow
    batch = data.draw(arrays[name], keys_of(seed).flow, 0, batch_size)
    return batch._replace(first=None)


def by_leaf(state: Any) -> dict[str, Any]:
    """The leaves of a state by name; the first, the output, is always called h."""
    (_, first), *others = jax.tree.leaves_with_path(state)
    name = jax.tree_util.keystr
    return {"h": first, **{name(p, simple=True, separator="."): x for p, x in others}}


def labelled(sites: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """`{"layer1.h": ...}` from `{"layer1": {"h": ...}}`; `{"h": ...}` of a single site."""
    if len(sites) == 1:
        return dict(next(iter(sites.values())))
    return {
        f"{site}.{name}": value
        for site, named in sites.items()
        for name, value in named.items()
    }


def outputs_of(names: Mapping[str, Any]) -> list[str]:
    """The names of the outputs h, one for each site, in the order of the data."""
    return [name for name in names if name.rpartition(".")[2] == "h"]


def names_of(curves: Curves) -> list[str]:
    """The state names of all cells, in order, h of each site first."""
    phases = [named for phases in curves.values() for named in phases.values()]
    return list(dict.fromkeys(name for named in phases for name in named))


def table(curves: Curves) -> tuple[list[str], Iterator[tuple[str | int, ...]]]:
    """Header and lines of `gradient_flow.csv`.

    A norm is `-inf` where the gradient is exactly zero, and empty where the cell has no
    such state or its site fewer steps.
    """
    names = names_of(curves)

    def lines():
        for cell, phases in curves.items():
            for phase, found in phases.items():
                seeds = len(next(iter(found.values())))
                steps = max(values.shape[1] for values in found.values())
                for seed, lag in itertools.product(range(seeds), range(steps)):
                    norms = [_norm(found.get(name), seed, lag) for name in names]
                    yield cell, seed, phase, lag, *norms

    head = ["cell", "seed", "phase", "lag", *(f"log10_norm_{name}" for name in names)]
    return head, lines()


def _norm(values: np.ndarray | None, seed: int, lag: int) -> str:
    if values is None or lag >= values.shape[1]:
        return ""
    return f"{values[seed, lag]:.6f}"
