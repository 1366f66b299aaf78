# SPDX-License-Identifier: Apache-2.0
"""Loops over time, for `recur.unroll(..., engine=...)`.

    plain.py         `jax.lax.scan`, the reference   chunked/        products over chunks
    hoisted.py       less work inside the loop       checkpointed.py less memory
    associative.py   parallel over time              auto.py         the choice among them

All have the values and gradients of the plain scan, and all work on the step's jaxpr or
call it as it is, so custom cells can use them.
"""

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
