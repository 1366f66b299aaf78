# SPDX-License-Identifier: Apache-2.0
"""The result of training one cell: the input of figures, summary and report."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from experiments.training.lag_curves import LagCurves
from experiments.training.loop import Fit


Measured = Mapping[str, np.ndarray]
"""`loss` or name of a metric -> `[S]`."""


class CellResult(NamedTuple):
    """The result of one cell, over all seeds.

    Attributes:
      parameters: number of trained parameters of one seed.
      flow: phase, `init` or `trained` -> lag curves.
      compile_seconds: wall time of compilation.
      placement: where the seeds were computed, for people.
      fit: the trained states; None if training failed.
      failure: why training failed; None if it did not.
      test: `final` and `best` -> loss and metrics on the test set; None without one.
      curves: name -> `[S, N]`, the curves of the benchmark after training.
    """

    parameters: int
    flow: Mapping[str, LagCurves]
    compile_seconds: float
    placement: str
    fit: Fit | None = None
    failure: str | None = None
    test: Mapping[str, Measured] | None = None
    curves: Mapping[str, np.ndarray] = {}
