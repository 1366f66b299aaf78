# SPDX-License-Identifier: Apache-2.0
"""How networks are looked at: the flags of the laboratory."""

from dataclasses import dataclass
from typing import Literal

from experiments.config.errors import check_at_least


@dataclass(frozen=True)
class Lab:
    """How networks are looked at.

    Attributes:
      analyses: names of analyses, separated by commas; empty is all of them.
      batch: held-out sequences [sequences].
      loss: `last` is that of the last time step alone, `all` the sum over all of them.
      window: the last steps, for products of Jacobians; 0 is the whole sequence [steps].
      through: paths, separated by commas, on which gradient may go in one more curve of
        the analysis `paths`; empty is none.
      lengths: of truncation, separated by commas [steps].
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
