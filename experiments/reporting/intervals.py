# SPDX-License-Identifier: Apache-2.0
"""Intervals for a mean over few seeds, by resampling them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


RESAMPLES = 10_000

CONFIDENCE = 0.95


class Estimate(NamedTuple):
    """A mean over seeds.

    Attributes:
      mean: of those that are finite.
      low: lower end of its interval; NaN with fewer than two seeds.
      high: upper end.
      seeds: how many were finite.
    """

    mean: float
    low: float
    high: float
    seeds: int


def estimate(values: Sequence[float | None]) -> Estimate:
    """The mean, and the percentile bootstrap interval of 95%; ever the same draws.

    Args:
      values: one for each seed; None or NaN where it has none.

    Paper: Efron, "Bootstrap methods: another look at the jackknife", 1979.
    """
    known = np.array([v for v in values if v is not None and np.isfinite(v)], float)
    if len(known) < 2:
        mean = float(known[0]) if len(known) else float("nan")
        return Estimate(mean, float("nan"), float("nan"), len(known))
    draws = np.random.default_rng(0).integers(0, len(known), (RESAMPLES, len(known)))
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(known[draws].mean(1), [tail, 100 - tail])
    return Estimate(float(known.mean()), float(low), float(high), len(known))


def words(found: Estimate) -> str:
    """`mean [low, high]`; the mean alone of one seed, a dash of none."""
    if not found.seeds:
        return "-"
    if found.seeds == 1:
        return f"{found.mean:.4g}"
    return f"{found.mean:.4g} [{found.low:.4g}, {found.high:.4g}]"
