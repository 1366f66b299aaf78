# SPDX-License-Identifier: Apache-2.0
"""Tests of the `Cell` contract, for authors of cells."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from recur.cell import Cell
from recur.testing import contract, gradients, numbers, sequences
from recur.testing.subject import fail, make_subject
from recur.unroll import unroll as plain_unroll


CHECKS = (
    contract.init_is_a_function_of_its_key,
    contract.the_initial_state_fits_any_batch,
    contract.project_treats_each_step_alone,
    contract.step_keeps_shapes_and_dtypes,
    contract.the_output_is_the_first_leaf_of_the_state,
    contract.step_is_pure,
    contract.a_batch_is_its_elements_one_by_one,
    contract.seeds_can_be_mapped,
    numbers.nothing_is_traced_twice,
    sequences.nothing_comes_from_the_future_and_something_from_all_the_past,
    sequences.reverse_is_flipped_time,
    sequences.lengths_end_a_sequence,
    sequences.resets_begin_one,
    numbers.every_precision_stays_its_own,
    gradients.every_parameter_has_one,
    gradients.they_are_finite_at_zero,
    gradients.they_equal_finite_differences,
    gradients.adjoints_are_finite_over_a_thousand_steps,
    numbers.values_equal_the_reference,
)
"""The checks, in order; each takes a `Subject`."""


def check_cell(
    cell: Cell,
    input_size: int,
    *,
    reference: Callable[[Any, np.ndarray], np.ndarray] | None = None,
    unroll: Callable[..., tuple[Any, jax.Array]] = plain_unroll,
) -> None:
    """Check that a cell fulfils the contract, and stop at the first failure.

    What the cell computes is checked only against `reference`.

    Args:
      cell: the cell.
      input_size: I, any width that the cell accepts.
      reference: `(params, xs [T, I]) -> ys [T, H]`, the same cell as a float64 NumPy
        loop from the initial state.
      unroll: the loop, with the signature of `recur.unroll`.

    Raises:
      AssertionError: in one line, the failure and its usual cause.
    """
    subject = make_subject(cell, input_size, reference, unroll)
    for check in CHECKS:
        try:
            check(subject)
        except AssertionError:
            raise
        except Exception as error:
            fail(
                f"{check.__name__.replace('_', ' ')}: raised {type(error).__name__}: "
                f"{str(error)[:150]}",
                "the cell runs step by step but cannot be compiled, mapped or "
                "differentiated; look for a Python if or float() on an array",
            )
