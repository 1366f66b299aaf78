# SPDX-License-Identifier: Apache-2.0
"""What became of a cell in a run: the input of figures, summary and report."""

from typing import NamedTuple

import numpy as np

from experiments.training.loop import Fit


class Outcome(NamedTuple):
    """What became of one cell.

    Attributes:
      parameters: how many numbers the model of one seed learns.
      fit: the trained states; None if training broke off.
      curves: phase -> leaf -> `[S, T]` lag curves.
      failure: why training broke off; None if it did not.
      compile_seconds: wall time of compilation.
      placement: where the seeds were computed, in words.
      profile: `[S, N]`, of a benchmark that has one and a cell that was trained.
    """

    parameters: int
    fit: Fit | None
    curves: dict[str, dict[str, np.ndarray]]
    failure: str | None
    compile_seconds: float
    placement: str
    profile: np.ndarray | None = None
