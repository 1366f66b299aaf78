# SPDX-License-Identifier: Apache-2.0
"""`recur.flow.slope` and `half_life` in NumPy, which has nothing to compile."""

import numpy as np


def slope(curve: np.ndarray) -> np.ndarray:
    """Least-squares slope of a lag curve over its finite entries, in nats a step.

    Args:
      curve: `[..., T]` log10 norms indexed by lag.

    Returns:
      `[...]`; NaN where fewer than two entries are finite.
    """
    curve = np.asarray(curve, float)
    lag = np.arange(curve.shape[-1])
    finite = np.isfinite(curve)
    nats = np.where(finite, curve, 0) * np.log(10)
    with np.errstate(invalid="ignore"):
        middle = np.where(finite, lag, 0).sum(-1, keepdims=True) / finite.sum(
            -1, keepdims=True
        )
        centred = np.where(finite, lag - middle, 0)
        return (centred * nats).sum(-1) / np.square(centred).sum(-1)


def half_life(slopes: np.ndarray) -> np.ndarray:
    """Steps over which gradient halves, ln 2 / -slope; inf where it does not shrink."""
    slopes = np.asarray(slopes, float)
    with np.errstate(divide="ignore"):
        return np.where(slopes >= 0, np.inf, np.log(2) / -slopes)
