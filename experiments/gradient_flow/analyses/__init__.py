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
    """One way to look at a network.

    Attributes:
      run: of one network.
      caption: what is seen.
    """

    run: Callable[[Probe], Panels]
    caption: str


ANALYSES: dict[str, Analysis] = {
    "lags": Analysis(
        lags,
        "How far back the loss is felt: the total derivative by each part of the state "
        "against the distance in time, with what theory says of its slope.",
    ),
    "parts": Analysis(
        parts,
        "The same derivative over time, taken apart: what acts on a state directly, what "
        "comes back through later steps, and what reaches each gate.",
    ),
    "paths": Analysis(
        paths,
        "Gradient that may travel on one path alone: `carry` holds all gates fixed, which "
        "for an LSTM is the constant error carousel.",
    ),
    "contributions": Analysis(
        contributions,
        "What each time step contributes to the gradient of the parameters, and whether "
        "it points where their sum does.",
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
        symbols, "Which symbols open and close the gates: their mean by what is read."
    ),
    "truncation": Analysis(
        truncation,
        "The gradient that truncated backpropagation leaves, against the full one.",
    ),
    "precision": Analysis(
        precision,
        "The same adjoint in three precisions, each as training would compute it, and the "
        "lag up to which it is within 10% of the truth.",
    ),
    "attribution": Analysis(
        attribution,
        "How much each prediction depends on each input: |d ln p(target) / d x|.",
    ),
}
"""Name -> analysis."""
