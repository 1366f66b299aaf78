# SPDX-License-Identifier: Apache-2.0
"""Confidence intervals of a mean over few seeds, by resampling the seeds."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


RESAMPLES = 10_000

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """The mean over seeds with its confidence interval.

    Attributes:
      mean: mean of the finite values.
      low: lower end of the interval; NaN with fewer than two seeds.
      high: upper end.
      seeds: number of finite values.
    """

    mean: float
    low: float
    high: float
    seeds: int


def interval(values: Sequence[float | None]) -> Interval:
    """The percentile bootstrap interval of 95%, with the same resamples at every call.

    Args:
      values: one for each seed; None or NaN where it is missing.

    Paper: Efron, "Bootstrap methods: another look at the jackknife", 1979.
    """
    known = np.array([v for v in values if v is not None and np.isfinite(v)], float)
    if len(known) < 2:
        mean = float(known[0]) if len(known) else float("nan")
        return Interval(mean, float("nan"), float("nan"), len(known))
    chosen = np.random.default_rng(0).integers(0, len(known), (RESAMPLES, len(known)))
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(known[chosen].mean(1), [tail, 100 - tail])
    return Interval(float(known.mean()), float(low), float(high), len(known))


def text_of(found: Interval) -> str:
    """`mean [low, high]`; the mean alone for one seed, a dash for none."""
    if not found.seeds:
        return "-"
    if found.seeds == 1:
        return f"{found.mean:.4g}"
    return f"{found.mean:.4g} [{found.low:.4g}, {found.high:.4g}]"
