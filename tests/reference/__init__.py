"""The cells once more, as plain float64 NumPy loops, and `CASES`, the table of them.

Written from the equations alone: the loops import nothing of the cells. `CASES` is what
the shared tests run over.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import recur
from tests.reference import classic, zoo


def relu(x):
    return np.maximum(x, 0)


def itself(x):
    return x


class Case(NamedTuple):
    """One cell in one dialect.

    Attributes:
      name: its row in `CELLS`.
      options: keywords of the factory.
      run: `(params, xs [T, I]) -> ys [T, H]`, float64.
    """

    name: str
    options: dict[str, Any]
    run: Callable[[Any, np.ndarray], np.ndarray]

    def make(self, hidden: int) -> recur.Cell:
        """The cell."""
        return recur.CELLS[self.name](hidden, **self.options)


AFTER, BARE = {"reset_after": True}, {"bias": False}

CASES = {
    "rnn": Case("rnn", {}, classic.rnn(np.tanh)),
    "rnn_relu": Case("rnn", {"activation": "relu"}, classic.rnn(relu)),
    "rnn_identity": Case("rnn", {"activation": "identity"}, classic.rnn(itself)),
    "rnn_no_bias": Case("rnn", BARE, classic.rnn(np.tanh)),
    "lstm": Case("lstm", {}, classic.lstm),
    "lstm_no_bias": Case("lstm", BARE, classic.lstm),
    "gru": Case("gru", {}, classic.gru),
    "gru_no_bias": Case("gru", BARE, classic.gru),
    "gru_reset_after": Case("gru", AFTER, classic.gru_reset_after),
    "gru_reset_after_no_bias": Case("gru", AFTER | BARE, classic.gru_reset_after),
    "peephole_lstm": Case("peephole_lstm", {}, zoo.peephole_lstm),
    "coupled_lstm": Case("coupled_lstm", {}, zoo.coupled_lstm),
    "projected_lstm": Case("projected_lstm", {"projection": 3}, zoo.projected_lstm),
    "layer_norm_lstm": Case("layer_norm_lstm", {}, zoo.layer_norm_lstm),
    "layer_norm_gru": Case("layer_norm_gru", {}, zoo.layer_norm_gru),
    "layer_norm_gru_no_bias": Case("layer_norm_gru", BARE, zoo.layer_norm_gru),
    "mgu": Case("mgu", {}, zoo.mgu),
    "janet": Case("janet", {"beta": 0.7}, zoo.janet(0.7)),
    "ugrnn": Case("ugrnn", {}, zoo.ugrnn),
    "irnn": Case("irnn", {}, classic.rnn(relu)),
    "indrnn": Case("indrnn", {}, zoo.indrnn(relu)),
    "indrnn_tanh_no_bias": Case(
        "indrnn", {"activation": "tanh", **BARE}, zoo.indrnn(np.tanh)
    ),
    "slstm": Case("slstm", {}, zoo.slstm(classic.sigma)),
    "slstm_exponential": Case("slstm", {"forget": "exponential"}, zoo.slstm(np.exp)),
    "mingru": Case("mingru", {}, zoo.mingru),
    "mingru_no_bias": Case("mingru", BARE, zoo.mingru),
    "minlstm": Case("minlstm", {}, zoo.minlstm),
    "lru": Case("lru", {}, zoo.lru),
}
