# SPDX-License-Identifier: Apache-2.0
"""Gradient flow as a value: what travels back through time, for any cell."""

from recur.flow.adjoint import ScaledAdjoints, adjoints, scaled_adjoints
from recur.flow.lag import half_life, lag_curve, slope


__all__ = [
    "ScaledAdjoints",
    "adjoints",
    "half_life",
    "lag_curve",
    "scaled_adjoints",
    "slope",
]
