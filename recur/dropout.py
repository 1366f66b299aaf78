# SPDX-License-Identifier: Apache-2.0
"""Dropout with one mask for all steps of a sequence: on inputs, state and weights."""

import jax

from recur.cell import Cell, factory
from recur.noise import check_rate, under_noise


@factory
def input_dropout(cell: Cell, rate: float) -> Cell:
    """x_t <- m * x_t / (1 - rate), m in {0, 1}, one mask for all steps of a sequence.

    Args:
      cell: the cell within.
      rate: the share of inputs that are dropped.

    Raises:
      ValueError: `rate` is not in [0, 1).

    Paper: Gal & Ghahramani, "A theoretically grounded application of dropout in
    recurrent neural networks", 2016.
    """
    check_rate("input_dropout", rate)

    def project(params, xs):
        if params.noise.key is not None:
            xs = xs * _mask(params.noise.key, rate, xs.shape[1:], xs.dtype)
        return cell.project(params.inner, xs)

    return under_noise(cell)._replace(project=project)


@factory
def state_dropout(cell: Cell, rate: float) -> Cell:
    """h_{t-1} <- m * h_{t-1} / (1 - rate), m in {0, 1}, one mask for all steps.

    h is the first leaf of the state; a memory beside it, as an LSTM's c, is spared.

    Args:
      cell: the cell within.
      rate: the share of units that are dropped.

    Raises:
      ValueError: `rate` is not in [0, 1).

    Paper: Gal & Ghahramani, 2016, as for `input_dropout`.
    """
    check_rate("state_dropout", rate)

    def step(params, state, u):
        if params.noise.key is not None:
            (h, *rest), structure = jax.tree.flatten(state)
            h = h * _mask(params.noise.key, rate, h.shape, h.dtype)
            state = jax.tree.unflatten(structure, [h, *rest])
        return cell.step(params.inner, state, u)

    return under_noise(cell)._replace(step=step)


@factory
def drop_connect(cell: Cell, rate: float, leaf: str = "w_h") -> Cell:
    """W_h <- M * W_h / (1 - rate), M in {0, 1}, one mask for all steps and sequences.

    Args:
      cell: the cell within.
      rate: the share of weights that are dropped.
      leaf: the field of the parameters that is masked.

    Raises:
      ValueError: `rate` is not in [0, 1); or the parameters have no such field.

    Paper: Wan et al., "Regularization of neural networks using DropConnect", 2013;
    Merity, Keskar & Socher, "Regularizing and optimizing LSTM language models", 2018.
    """
    check_rate("drop_connect", rate)

    def masked(params):
        weights = getattr(params.inner, leaf, None)
        if weights is None:
            raise ValueError(
                f"drop_connect: leaf must be one of {', '.join(params.inner._fields)}, "
                f"the fields of params; got {leaf!r}"
            )
        if params.noise.key is None:
            return params.inner
        mask = _mask(params.noise.key, rate, weights.shape, weights.dtype)
        return params.inner._replace(**{leaf: weights * mask})

    def project(params, xs):
        return cell.project(masked(params), xs)

    def step(params, state, u):
        return cell.step(masked(params), state, u)

    return under_noise(cell)._replace(project=project, step=step)


def _mask(key, rate, shape, dtype):
    """0 with probability `rate`, 1 / (1 - rate) else: of expectation 1."""
    return jax.random.bernoulli(key, 1 - rate, shape).astype(dtype) / (1 - rate)
