# SPDX-License-Identifier: Apache-2.0
"""The analyses, one file each, under their names on the command line."""

from collections.abc import Callable
from typing import NamedTuple

from experiments.gradient_flow.analyses.attribution import attribution
from experiments.gradient_flow.analyses.contributions import contributions
from experiments.gradient_flow.analyses.gates import gates
from experiments.gradient_flow.analyses.jacobians import jacobians
from experiments.gradient_flow.analyses.lags import lags
from experiments.gradient_flow.analyses.lyapunov import lyapunov
from experiments.gradient_flow.analyses.parts import parts
from experiments.gradient_flow.analyses.paths import paths
from experiments.gradient_flow.analyses.precision import precision
from experiments.gradient_flow.analyses.symbols import symbols
from experiments.gradient_flow.analyses.truncation import truncation
from experiments.gradient_flow.panel import Panels
from experiments.gradient_flow.probe import Probe


class Analysis(NamedTuple):
    """An analysis of one recurrence.

    Attributes:
      run: `probe -> panels`; no panels where it does not apply.
      caption: explanation of the figure.
    """

    run: Callable[[Probe], Panels]
    caption: str


ANALYSES: dict[str, Analysis] = {
    "lags": Analysis(
        lags,
        "Gradient norm against lag: the total derivative of the loss with respect to each "
        "part of the state, with the slope that theory predicts.",
    ),
    "parts": Analysis(
        parts,
        "The same derivative over time in parts: the direct one, the one through later "
        "steps, and the one with respect to each gate.",
    ),
    "paths": Analysis(
        paths,
        "Gradient through one path alone: `carry` holds all gates fixed, which for an LSTM "
        "is the constant error carousel.",
    ),
    "contributions": Analysis(
        contributions,
        "The contribution of each time step to the gradient of the parameters: its norm, "
        "and its cosine with the sum.",
    ),
    "jacobians": Analysis(
        jacobians,
        "The largest singular values of the product of step Jacobians over a window that "
        "ends at the last step, and the spectral radius of each step's.",
    ),
    "lyapunov": Analysis(
        lyapunov,
        "Lyapunov exponents along the sequences, and how they converge: below zero, "
        "nearby states meet and gradient vanishes.",
    ),
    "gates": Analysis(
        gates,
        "Gates over time, how far they are saturated, and the half-life of what each unit "
        "carries.",
    ),
    "symbols": Analysis(
        symbols, "The mean of each gate by the symbol that is read."
    ),
    "truncation": Analysis(
        truncation,
        "The gradient of truncated backpropagation, against the full one.",
    ),
    "precision": Analysis(
        precision,
        "The same adjoint in three precisions, each as training would compute it, and the "
        "lag up to which it is within 10% of float64.",
    ),
    "attribution": Analysis(
        attribution,
        "How much each term of the loss depends on each input: |d L_t / d x_s|.",
    ),
}
"""Name -> analysis."""
