# SPDX-License-Identifier: Apache-2.0
"""Lag curves of a network on a benchmark: gradient norm against distance in time."""

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
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
        return labelled({name: lag_curve(site) for name, site in sites.items()})

    return curves


def lag_curve(
    site: Site, through: Collection[str] | None = None
) -> dict[str, jax.Array]:
    """The lag curve of each leaf of the state of a site, `[T]`.

    Lags count back from the last valid step of each sequence. A curve is the mean over
    the sequences that reach a lag, and NaN where there is none.

    Args:
      site: the recurrence.
      through: the paths on which gradient may go; None is all of them.
    """
    found = flow.scaled_adjoints(
        site.cell, site.params, site.xs, site.loss, through=through
    )[2]
    norms = by_leaf(flow.log10_norms(found))
    if site.lengths is None:
        return {name: flow.by_lag(values) for name, values in norms.items()}
    return {name: _from_the_end(v, site.lengths) for name, v in norms.items()}


def _from_the_end(norms: jax.Array, lengths: jax.Array) -> jax.Array:
    """Mean over the batch of `norms [T, B]` at length - 1 - lag, `[T]`."""
    steps = lengths - 1 - jnp.arange(len(norms))[:, None]
    values = jnp.take_along_axis(norms, steps.clip(0), axis=0)
    return jnp.mean(values, axis=1, where=steps >= 0)


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


def by_site(named: Mapping[str, Any], sites: Sequence[str]) -> dict[str, Any]:
    """Sort labelled values, at any depth, by site with h first; `jax.jit` sorts by name.

    Args:
      named: as `labelled` gives them, or a mapping of such mappings.
      sites: the names of the recurrences, in the order of the data.
    """

    def order(name):
        site, _, leaf = name.partition(".")
        index, rest = (sites.index(site), leaf) if site in sites else (0, name)
        return index, rest != "h", rest

    def inner(value):
        return by_site(value, sites) if isinstance(value, Mapping) else value

    return {name: inner(named[name]) for name in sorted(named, key=order)}


def outputs_of(names: Iterable[str]) -> list[str]:
    """The names of the outputs h, one for each site."""
    names = list(names)
    if "h" in names:
        return ["h"]
    return [name for name in names if name.endswith(".h") and name.count(".") == 1]


def names_of(curves: Curves) -> list[str]:
    """The state names of all cells, in order, h of each site first."""
    phases = [named for phases in curves.values() for named in phases.values()]
    return list(dict.fromkeys(name for named in phases for name in named))


def table(curves: Curves) -> tuple[list[str], Iterator[tuple[str | int, ...]]]:
    """Header and lines of `gradient_flow.csv`.

    A norm is `-inf` where the gradient is exactly zero, and empty where the cell has no
    such state or no sequence is so long.
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
    if values is None or lag >= values.shape[1] or np.isnan(values[seed, lag]):
        return ""
    return f"{values[seed, lag]:.6f}"
