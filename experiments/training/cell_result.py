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
      fit: the trained states; None if training failed.
      flow: phase, `init` or `trained` -> lag curves.
      failure: why training failed; None if it did not.
      compile_seconds: wall time of compilation.
      placement: where the seeds were computed, for people.
      test: `final` and `best` -> loss and metrics on the test set; None without one.
      curves: name -> `[S, N]`, the curves of the benchmark after training.
    """

    parameters: int
    fit: Fit | None
    flow: Mapping[str, LagCurves]
    failure: str | None
    compile_seconds: float
    placement: str
    test: Mapping[str, Measured] | None
    curves: Mapping[str, np.ndarray]
