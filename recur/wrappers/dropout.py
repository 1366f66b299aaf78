# SPDX-License-Identifier: Apache-2.0
"""Dropout of inputs and of the state, with one mask for all steps of a sequence."""

import jax

from recur.cell import Cell, factory
from recur.wrappers.noise import check_rate, dropout_mask, under_noise


@factory
def input_dropout(cell: Cell, rate: float) -> Cell:
    """x_t <- m * x_t / (1 - rate), m in {0, 1}, one mask for all steps of a sequence.

    Args:
      cell: the cell to wrap.
      rate: the probability that an input is dropped.

    Raises:
      ValueError: `rate` is not in [0, 1).

    Paper: Gal & Ghahramani, "A theoretically grounded application of dropout in
    recurrent neural networks", 2016.
    """
    check_rate("input_dropout", rate)

    def project(params, xs):
        if params.noise.key is not None:
            xs = xs * dropout_mask(params.noise.key, rate, xs.shape[1:], xs.dtype)
        return cell.project(params.inner, xs)

    return under_noise(cell)._replace(project=project)


@factory
def state_dropout(cell: Cell, rate: float) -> Cell:
    """h_{t-1} <- m * h_{t-1} / (1 - rate), m in {0, 1}, one mask for all steps.

    h is the first leaf of the state. Other leaves, such as c of an LSTM, are not dropped.

    Args:
      cell: the cell to wrap.
      rate: the probability that a unit is dropped.

    Raises:
      ValueError: `rate` is not in [0, 1).

    Paper: Gal & Ghahramani, 2016; see `input_dropout`.
    """
    check_rate("state_dropout", rate)

    def step(params, state, u):
        if params.noise.key is not None:
            (h, *rest), structure = jax.tree.flatten(state)
            h = h * dropout_mask(params.noise.key, rate, h.shape, h.dtype)
            state = jax.tree.unflatten(structure, [h, *rest])
        return cell.step(params.inner, state, u)

    return under_noise(cell)._replace(step=step)
