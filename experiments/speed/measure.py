# SPDX-License-Identifier: Apache-2.0
"""Time programs in turn, so that other load on the machine affects all of them."""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.speed.work import Programs


ROUNDS = 5, 15
"""Least and most rounds; in between, as many as fit into `SECONDS`."""

SECONDS = 3.0
"""For all rounds of a pass together."""


class Quartiles(NamedTuple):
    """Median and quartiles."""

    median: float
    low: float
    high: float


def quartiles(values: Any) -> Quartiles:
    """Median and quartiles of a sample."""
    low, median, high = (float(v) for v in np.quantile(values, (0.25, 0.5, 0.75)))
    return Quartiles(median, low, high)


def in_turn(
    calls: Mapping[str, Callable[[], Any]], rounds: tuple[int, int] = ROUNDS
) -> dict[str, np.ndarray]:
    """Seconds of every call in every round, `[rounds]`; rounds start with different calls."""
    names = list(calls)
    for name in names:
        calls[name]()
    began = time.perf_counter()
    taken: dict[str, list[float]] = {name: [] for name in names}
    while len(taken[names[0]]) < rounds[0] or (
        len(taken[names[0]]) < rounds[1] and time.perf_counter() - began < SECONDS
    ):
        names = [*names[1:], names[0]]
        for name in names:
            start = time.perf_counter()
            calls[name]()
            taken[name].append(time.perf_counter() - start)
    return {name: np.array(seconds) for name, seconds in taken.items()}


def relative_error(got: Any, wanted: Any) -> float:
    """||got - wanted|| / ||wanted||, over all leaves."""
    pairs = zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True)
    flat = [(np.asarray(a, np.float64).ravel(), b.ravel()) for a, b in pairs]
    got, wanted = (np.concatenate(side) for side in zip(*flat, strict=True))
    return float(np.linalg.norm(got - wanted) / np.linalg.norm(wanted))


def check_outputs(programs: Mapping[str, Programs], wanted: np.ndarray) -> dict[str, float]:
    """The relative error of the outputs of each library.

    Raises:
      RuntimeError: it is so large that a program does other work than the others.
    """
    errors = {name: relative_error(p.forward(), wanted) for name, p in programs.items()}
    for name, error in errors.items():
        if not error < 0.05:
            raise RuntimeError(f"{name} computes something else: relative error {error:.2g}")
    return errors
