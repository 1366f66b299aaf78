# SPDX-License-Identifier: Apache-2.0
"""The IRNN: rectified units with the identity as initial recurrent matrix."""

from recur.affine import affine_project
from recur.cell import Cell, factory
from recur.cells.rnn import rnn
from recur.initializers import Initializer, identity, tiny


@factory
def irnn(
    hidden: int,
    *,
    bias: bool = True,
    recurrent_init: Initializer = identity,
    input_init: Initializer = tiny,
) -> Cell:
    """h_t = max(0, W_h h_{t-1} + W_x x_t + b), W_h the identity at the start.

    An `rnn` with rectified units. Before training it sums its inputs. The state is h.

    Args:
      hidden: H [units].
      bias: have a bias b, zero at the start.
      recurrent_init: draws w_h.
      input_init: draws w_x.

    Raises:
      ValueError: `hidden` is below 1.

    Paper: Le, Jaitly & Hinton, "A simple way to initialize recurrent networks of
    rectified linear units", 2015.
    """
    plain = rnn(
        hidden,
        activation="relu",
        bias=bias,
        recurrent_init=recurrent_init,
        input_init=input_init,
    )
    return plain._replace(project=affine_project("irnn"))
