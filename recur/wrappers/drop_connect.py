# SPDX-License-Identifier: Apache-2.0
"""DropConnect: dropout of recurrent weights."""

from recur.cell import Cell, factory
from recur.wrappers.noise import check_rate, dropout_mask, under_noise


@factory
def drop_connect(cell: Cell, rate: float, leaf: str = "w_h") -> Cell:
    """W_h <- M * W_h / (1 - rate), M in {0, 1}, one mask for all steps and sequences.

    Args:
      cell: the cell to wrap.
      rate: the probability that a weight is dropped.
      leaf: the field of the parameters to mask.

    Raises:
      ValueError: `rate` is not in [0, 1), or the parameters have no field `leaf`.

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
        mask = dropout_mask(params.noise.key, rate, weights.shape, weights.dtype)
        return params.inner._replace(**{leaf: weights * mask})

    def project(params, xs):
        return cell.project(masked(params), xs)

    def step(params, state, u):
        return cell.step(masked(params), state, u)

    return under_noise(cell)._replace(project=project, step=step)
