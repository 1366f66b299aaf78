# SPDX-License-Identifier: Apache-2.0
"""Ways to run the loop, for `recur.unroll(..., scan=...)`. None of them names a cell."""

from recur.engines.associative import associative
from recur.engines.checkpointed import checkpointed


__all__ = ["associative", "checkpointed"]
