# SPDX-License-Identifier: Apache-2.0
"""What a step depends on, read off its jaxpr; for engines, gradient flow and precision.

    equations.py   evaluate and sort the equations of a jaxpr
    step_parts.py  a step in three parts: parameters only, inputs only, recurrent
    split.py       split a step into these parts
    dependence.py  how the outputs of a function depend on its inputs
"""

from recur.jaxpr.dependence import Kind, depends
from recur.jaxpr.equations import bind, evaluate, flat_jaxpr, partition, read, variables
from recur.jaxpr.split import split_step
from recur.jaxpr.step_parts import Product, StepParts


__all__ = [
    "Kind",
    "Product",
    "StepParts",
    "bind",
    "depends",
    "evaluate",
    "flat_jaxpr",
    "partition",
    "read",
    "split_step",
    "variables",
]
