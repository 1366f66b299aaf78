# SPDX-License-Identifier: Apache-2.0
"""Heat maps of gradient norms by training step and lag, in colours that all cells share."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.reporting.series import Rows
from experiments.reporting.sites import output_of
from experiments.training.flow_recorder import Recorded


DECADES = 7.0
"""Where colours end: beside 1, a float32 no longer sees 1e-7."""

Found = Mapping[str, Recorded]
"""Cell -> its lag curves while training."""

Means = Mapping[tuple[str, str], np.ndarray]
"""(cell, recurrence) -> `[N, T]` mean norms."""


def mean_of(record: Recorded, site: str) -> np.ndarray:
    """`[N, T]` mean over seeds of the norms of h; NaN where one of them is zero."""
    values = record.curves[output_of(site)]
    return np.where(np.isfinite(values).all(0), values.mean(0), np.nan)


def spacing_of(found: Found, rows: Rows) -> float:
    """Training steps between two records; the length of training if there is only one."""
    gaps = [np.diff(record.steps).min() for record in found.values() if len(record.steps) > 1]
    return min(gaps) if gaps else max((row["step"] for row in rows), default=1)


def heat_map(
    ax: Any, steps: np.ndarray, mean: np.ndarray, every: float, limit: float
) -> Any:
    """Training steps on the x axis, lags on the y axis; blank where a gradient is zero."""
    edges = np.append(steps, steps[-1] + every) - every / 2
    lags = np.arange(mean.shape[1] + 1) - 0.5
    ax.grid(False)
    return ax.pcolormesh(
        edges, lags, mean.T, cmap="coolwarm", vmin=-limit, vmax=limit, rasterized=True
    )


def colour_limit(means: Means) -> float:
    """The end of the colours, which are symmetric about a norm of 1."""
    sizes = np.concatenate([np.abs(mean).ravel() for mean in means.values()])
    largest = sizes[np.isfinite(sizes)].max(initial=0.0)
    return min(float(largest), DECADES) or 1.0


def beyond(means: Means, limit: float) -> str:
    """The ends of the colour bar past which there are norms, as matplotlib names them."""
    below = any((mean < -limit).any() for mean in means.values())
    above = any((mean > limit).any() for mean in means.values())
    return {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[below, above]
