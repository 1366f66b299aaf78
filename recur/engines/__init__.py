# SPDX-License-Identifier: Apache-2.0
"""Ways to run the loop, for `recur.unroll(..., engine=...)`. None of them names a cell."""

from recur.engine import Engine
from recur.engines.associative import associative
from recur.engines.auto import auto
from recur.engines.checkpointed import checkpointed
from recur.engines.chunked import chunked, chunks_of
from recur.engines.hoisted import hoisted
from recur.engines.plain import plain, scan


ENGINES: dict[str, Engine] = {
    "associative": associative,
    "auto": auto,
    "checkpointed": checkpointed,
    "chunked": chunked,
    "hoisted": hoisted,
    "scan": scan,
}
"""Name -> engine."""

__all__ = [
    "ENGINES",
    "associative",
    "auto",
    "checkpointed",
    "chunked",
    "chunks_of",
    "hoisted",
    "plain",
    "scan",
]
