# SPDX-License-Identifier: Apache-2.0
"""Settings of the laboratory."""

from dataclasses import dataclass
from typing import Literal

from experiments.config.errors import check_at_least


@dataclass(frozen=True)
class Lab:
    """What to analyse, and how.

    Attributes:
      analyses: names, separated by commas; if empty, all.
      batch: sequences, none of which is trained on [sequences].
      loss: `last` is the loss of the last time step, `all` the sum over all steps.
      window: number of last steps in products of Jacobians; 0 is the whole sequence
        [steps].
      through: paths, separated by commas, for one more curve of the analysis `paths`,
        with gradient through these paths alone.
      lengths: truncation lengths, separated by commas [steps].
    """

    analyses: str = ""
    batch: int = 8
    loss: Literal["last", "all"] = "last"
    window: int = 0
    through: str = ""
    lengths: str = "1,2,5,10,20,50,100"

    def __post_init__(self):
        check_at_least(1, batch=self.batch)
        check_at_least(0, window=self.window)
        if not all(word.isdecimal() and int(word) for word in self.lengths.split(",")):
            raise ValueError(f"lengths must be steps like 1,5,20; got {self.lengths!r}")

    @property
    def paths(self) -> tuple[str, ...]:
        """The names in `through`."""
        return tuple(self.through.split(",")) if self.through else ()
