"""The cells once more, as plain float64 NumPy loops over unfused gates.

Written from the equations alone: nothing here imports the cells. `CASES` is the one
table of everything that the shared tests run over.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import recur


def sigma(x):
    return 1 / (1 + np.exp(-x))


def gate(params, block, h, x, width):
    """W_h h + W_x x + b of one gate block, b absent without bias."""
    columns = slice(block * width, (block + 1) * width)
    bias = 0 if params.b is None else params.b[columns]
    return params.w_h[:, columns].T @ h + params.w_x[:, columns].T @ x + bias


def rnn(g):
    def run(params, xs):
        width = params.w_h.shape[0]
        h, ys = np.zeros(width), []
        for x in xs:
            h = g(gate(params, 0, h, x, width))
            ys.append(h)
        return np.array(ys)

    return run


def lstm(params, xs):
    width = params.w_h.shape[0]
    h, c, ys = np.zeros(width), np.zeros(width), []
    for x in xs:
        i = sigma(gate(params, 0, h, x, width))
        f = sigma(gate(params, 1, h, x, width))
        candidate = np.tanh(gate(params, 2, h, x, width))
        o = sigma(gate(params, 3, h, x, width))
        c = f * c + i * candidate
        h = o * np.tanh(c)
        ys.append(h)
    return np.array(ys)


def gru(params, xs):
    width = params.w_h.shape[0]
    h, ys = np.zeros(width), []
    for x in xs:
        z = sigma(gate(params, 0, h, x, width))
        r = sigma(gate(params, 1, h, x, width))
        n = np.tanh(gate(params, 2, r * h, x, width))
        h = (1 - z) * h + z * n
        ys.append(h)
    return np.array(ys)


def gru_reset_after(params, xs):
    width = params.w_h.shape[0]
    h, ys = np.zeros(width), []
    for x in xs:
        z = sigma(gate(params, 0, h, x, width))
        r = sigma(gate(params, 1, h, x, width))
        inner = params.w_h[:, 2 * width :].T @ h
        if params.b_h is not None:
            inner = inner + params.b_h
        outer = params.w_x[:, 2 * width :].T @ x
        if params.b is not None:
            outer = outer + params.b[2 * width :]
        n = np.tanh(outer + r * inner)
        h = (1 - z) * h + z * n
        ys.append(h)
    return np.array(ys)


class Case(NamedTuple):
    """One cell in one dialect.

    Attributes:
      name: its row in `CELLS`.
      options: keywords of the factory.
      run: `(params, xs [T, I]) -> ys [T, H]`, float64.
      blocks: gate blocks on the fused recurrent axis.
    """

    name: str
    options: dict[str, Any]
    run: Callable[[Any, np.ndarray], np.ndarray]
    blocks: int

    def make(self, hidden: int) -> recur.Cell:
        """The cell."""
        return recur.CELLS[self.name](hidden, **self.options)


CASES = {
    "rnn": Case("rnn", {}, rnn(np.tanh), 1),
    "rnn_relu": Case("rnn", {"activation": "relu"}, rnn(lambda x: np.maximum(x, 0)), 1),
    "rnn_identity": Case("rnn", {"activation": "identity"}, rnn(lambda x: x), 1),
    "rnn_no_bias": Case("rnn", {"bias": False}, rnn(np.tanh), 1),
    "lstm": Case("lstm", {}, lstm, 4),
    "lstm_no_bias": Case("lstm", {"bias": False}, lstm, 4),
    "gru": Case("gru", {}, gru, 3),
    "gru_no_bias": Case("gru", {"bias": False}, gru, 3),
    "gru_reset_after": Case("gru", {"reset_after": True}, gru_reset_after, 3),
    "gru_reset_after_no_bias": Case(
        "gru", {"reset_after": True, "bias": False}, gru_reset_after, 3
    ),
}
