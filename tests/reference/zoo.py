"""The other cells as plain float64 NumPy loops over unfused gates."""

import numpy as np

from tests.reference.classic import gate, sigma


def peephole_lstm(params, xs):
    width = params.w_h.shape[0]
    to_i, to_f, to_o = params.w_c.reshape(3, width)
    h, c, ys = np.zeros(width), np.zeros(width), []
    for x in xs:
        i = sigma(gate(params, 0, h, x, width) + to_i * c)
        f = sigma(gate(params, 1, h, x, width) + to_f * c)
        c = f * c + i * np.tanh(gate(params, 2, h, x, width))
        o = sigma(gate(params, 3, h, x, width) + to_o * c)
        h = o * np.tanh(c)
        ys.append(h)
    return np.array(ys)


def coupled_lstm(params, xs):
    width = params.w_h.shape[0]
    h, c, ys = np.zeros(width), np.zeros(width), []
    for x in xs:
        f = sigma(gate(params, 0, h, x, width))
        c = f * c + (1 - f) * np.tanh(gate(params, 1, h, x, width))
        h = sigma(gate(params, 2, h, x, width)) * np.tanh(c)
        ys.append(h)
    return np.array(ys)


def projected_lstm(params, xs):
    width, out = params.w_p.shape
    h, c, ys = np.zeros(out), np.zeros(width), []
    for x in xs:
        i = sigma(gate(params, 0, h, x, width))
        f = sigma(gate(params, 1, h, x, width))
        c = f * c + i * np.tanh(gate(params, 2, h, x, width))
        o = sigma(gate(params, 3, h, x, width))
        h = params.w_p.T @ (o * np.tanh(c))
        ys.append(h)
    return np.array(ys)


def layer_norm(x, gain=1.0, shift=0.0):
    return gain * (x - np.mean(x)) / np.sqrt(np.var(x) + 1e-5) + shift


def layer_norm_lstm(params, xs):
    width = params.w_h.shape[0]
    h, c, ys = np.zeros(width), np.zeros(width), []
    for x in xs:
        recurrent = layer_norm(params.w_h.T @ h, params.gain_h)
        a = recurrent + layer_norm(params.w_x.T @ x, params.gain_x, params.b)
        i, f, g, o = a.reshape(4, width)
        c = sigma(f) * c + sigma(i) * np.tanh(g)
        h = sigma(o) * np.tanh(layer_norm(c, params.gain_c, params.b_c))
        ys.append(h)
    return np.array(ys)


def layer_norm_gru(params, xs):
    width = params.w_h.shape[0]
    gates, rest = slice(2 * width), slice(2 * width, None)
    b = np.zeros(3 * width) if params.b is None else params.b
    h, ys = np.zeros(width), []
    for x in xs:
        a_h, a_x = params.w_h.T @ h, params.w_x.T @ x
        z, r = sigma(
            layer_norm(a_h[gates], params.gain_h[gates])
            + layer_norm(a_x[gates], params.gain_x[gates])
            + b[gates]
        ).reshape(2, width)
        n = np.tanh(
            r * layer_norm(a_h[rest], params.gain_h[rest])
            + layer_norm(a_x[rest], params.gain_x[rest])
            + b[rest]
        )
        h = (1 - z) * h + z * n
        ys.append(h)
    return np.array(ys)


def mgu(params, xs):
    width = params.w_h.shape[0]
    h, ys = np.zeros(width), []
    for x in xs:
        f = sigma(gate(params, 0, h, x, width))
        n = np.tanh(gate(params, 1, f * h, x, width))
        h = (1 - f) * h + f * n
        ys.append(h)
    return np.array(ys)


def janet(beta):
    def run(params, xs):
        width = params.w_h.shape[0]
        h, ys = np.zeros(width), []
        for x in xs:
            s = gate(params, 0, h, x, width)
            n = np.tanh(gate(params, 1, h, x, width))
            h = sigma(s) * h + (1 - sigma(s - beta)) * n
            ys.append(h)
        return np.array(ys)

    return run


def ugrnn(params, xs):
    width = params.w_h.shape[0]
    h, ys = np.zeros(width), []
    for x in xs:
        g = sigma(gate(params, 0, h, x, width))
        h = g * h + (1 - g) * np.tanh(gate(params, 1, h, x, width))
        ys.append(h)
    return np.array(ys)


def indrnn(g):
    def run(params, xs):
        h, ys = np.zeros(params.r.shape), []
        for x in xs:
            h = g(params.r * h + params.w_x.T @ x + (0 if params.b is None else params.b))
            ys.append(h)
        return np.array(ys)

    return run


def slstm(forget):
    """Without a stabiliser: in float64 and over a few steps nothing overflows."""

    def run(params, xs):
        width = params.w_h.shape[0]
        h, c, n, ys = np.zeros(width), np.zeros(width), np.zeros(width), []
        for x in xs:
            i = np.exp(gate(params, 0, h, x, width))
            f = forget(gate(params, 1, h, x, width))
            c = f * c + i * np.tanh(gate(params, 2, h, x, width))
            n = f * n + i
            h = sigma(gate(params, 3, h, x, width)) * c / n
            ys.append(h)
        return np.array(ys)

    return run


def mingru(params, xs):
    h, ys = np.zeros(params.w_x.shape[1] // 2), []
    for x in xs:
        z, n = (params.w_x.T @ x + (0 if params.b is None else params.b)).reshape(2, -1)
        h = (1 - sigma(z)) * h + sigma(z) * n
        ys.append(h)
    return np.array(ys)


def minlstm(params, xs):
    h, ys = np.zeros(params.w_x.shape[1] // 3), []
    for x in xs:
        i, f, n = (params.w_x.T @ x + (0 if params.b is None else params.b)).reshape(3, -1)
        i, f = sigma(i), sigma(f)
        h = f / (f + i) * h + i / (f + i) * n
        ys.append(h)
    return np.array(ys)


def lru(params, xs):
    width = params.nu.shape[0]
    b_re, b_im, d = np.split(params.w_x, 3, axis=1)
    c_re, c_im = params.w_s[:width], -params.w_s[width:]
    eigenvalue = np.exp(-np.exp(params.nu) + 1j * np.exp(params.theta))
    s, ys = np.zeros(width, complex), []
    for x in xs:
        s = eigenvalue * s + np.exp(params.log_gamma) * ((b_re + 1j * b_im).T @ x)
        ys.append(((c_re + 1j * c_im).T @ s).real + d.T @ x)
    return np.array(ys)
