"""RNN, LSTM and GRU as plain float64 NumPy loops over unfused gates."""

import numpy as np


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
