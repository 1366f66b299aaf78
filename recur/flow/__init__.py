# SPDX-License-Identifier: Apache-2.0
"""Gradient flow through time, for any cell.

    adjoint.py        dL/ds_t                           scaled.py    without underflow
    lag.py            adjoints against lag              parts.py     by path, gate, layer
    contributions.py  terms of dL/dtheta by step        paths.py     routes through a step
    jacobian.py       ds_t/ds_{t-1} and products        gates.py     values and retention
    window.py         singular values of wide cells     theory.py    predictions
    lyapunov.py       exponents, differentiable         dtypes.py    error in each dtype
    truncation.py     bias of truncated gradients       attribution.py  by input
"""

from recur.flow.adjoint import adjoints, scaled_adjoints
from recur.flow.attribution import Attribution, attribution
from recur.flow.contributions import Contributions, contributions
from recur.flow.dtypes import InDtype, in_dtypes
from recur.flow.gates import (
    Gates,
    by_symbol,
    gates,
    retention_half_life,
    saturation,
    time_constant,
)
from recur.flow.jacobian import (
    singular_values_by_lag,
    spectral_radius,
    step_jacobians,
)
from recur.flow.lag import by_lag, half_life, lag_curve, slope
from recur.flow.lyapunov import Lyapunov, lyapunov
from recur.flow.parts import Parts, parts, stack_parts
from recur.flow.paths import Paths, paths_of
from recur.flow.scaled import ScaledAdjoints, log10_norms, unscale
from recur.flow.theory import (
    MeanField,
    chrono_curve,
    gate_curve,
    gate_slope,
    mean_field,
    norm_bound,
)
from recur.flow.truncation import Truncation, truncation
from recur.flow.window import window_singular_values


__all__ = [
    "Attribution",
    "Contributions",
    "Gates",
    "InDtype",
    "Lyapunov",
    "MeanField",
    "Parts",
    "Paths",
    "ScaledAdjoints",
    "Truncation",
    "adjoints",
    "attribution",
    "by_lag",
    "by_symbol",
    "chrono_curve",
    "contributions",
    "gate_curve",
    "gate_slope",
    "gates",
    "half_life",
    "in_dtypes",
    "lag_curve",
    "log10_norms",
    "lyapunov",
    "mean_field",
    "norm_bound",
    "parts",
    "paths_of",
    "retention_half_life",
    "saturation",
    "scaled_adjoints",
    "singular_values_by_lag",
    "slope",
    "spectral_radius",
    "stack_parts",
    "step_jacobians",
    "time_constant",
    "truncation",
    "unscale",
    "window_singular_values",
]
