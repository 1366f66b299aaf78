# SPDX-License-Identifier: Apache-2.0
"""Slopes of fresh networks under noise, beside earlier measurements.

64 units, ten inputs drawn from N(0, 1) at every step, float64; the largest singular value
of the Jacobian of the whole state over k steps, its slope taken from k = 50 to k = 150.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from recur import flow
from recur.cell import Cell
from recur.cells import gru, lstm, rnn
from recur.initializers import fused_orthogonal, glorot, uniform


UNITS, INPUTS, STEPS = 64, 10, 200
FROM, TO = 50, 150
"""Lags between which a slope is taken."""


class Row(NamedTuple):
    """One network.

    Attributes:
      name: what is special about it.
      cell: the cell.
      scale: what its inputs are multiplied by.
      slope: measured before, with one draw in NumPy [nats/step]; None if it was not.
    """

    name: str
    cell: Cell
    scale: float
    slope: float | None


def normal(key: jax.Array, shape: tuple[int, int], blocks: int) -> jax.Array:
    """N(0, 1/H), entry by entry."""
    return jax.random.normal(key, (shape[0], shape[1] * blocks)) * shape[1] ** -0.5


ROWS = (
    Row("rnn, orthogonal", rnn(UNITS), 1.0, -0.449),
    Row("rnn, Glorot", rnn(UNITS, recurrent_init=glorot), 1.0, -0.469),
    Row("rnn, N(0, 1/H)", rnn(UNITS, recurrent_init=normal), 1.0, -0.445),
    Row("rnn, orthogonal, inputs x 0.1", rnn(UNITS), 0.1, -0.060),
    Row("lstm, forget bias 0", lstm(UNITS, forget_bias=0.0), 1.0, -0.443),
    Row("lstm, forget bias 1", lstm(UNITS, forget_bias=1.0), 1.0, -0.200),
    Row("lstm, forget bias 3", lstm(UNITS, forget_bias=3.0), 1.0, -0.010),
    Row("lstm, chrono 100", lstm(UNITS, chrono_steps=100), 1.0, -0.013),
    Row("gru, keep bias 0", gru(UNITS, reset_after=True), 1.0, -0.407),
    Row("gru, keep bias 1", gru(UNITS, reset_after=True, keep_bias=1.0), 1.0, -0.220),
    Row("gru, chrono 100", gru(UNITS, reset_after=True, chrono_steps=100), 1.0, -0.011),
    Row(
        "lstm, PyTorch's uniform, forget bias 1",
        lstm(UNITS, recurrent_init=uniform, input_init=uniform),
        1.0,
        -0.150,
    ),
    Row(
        "lstm, fused orthogonal, forget bias 1",
        lstm(UNITS, recurrent_init=fused_orthogonal),
        1.0,
        None,
    ),
    Row(
        "gru, fused orthogonal",
        gru(UNITS, reset_after=True, recurrent_init=fused_orthogonal),
        1.0,
        None,
    ),
    Row("rnn, orthogonal, inputs x 0.3", rnn(UNITS), 0.3, None),
)


def curves(row: Row, seeds: int) -> np.ndarray:
    """`[S, lags]` log10 of the largest singular value by lag, 0 to `TO`."""

    def look(key):
        key_init, key_x = jax.random.split(key)
        params = row.cell.init(key_init, INPUTS)
        xs = row.scale * jax.random.normal(key_x, (STEPS, INPUTS))
        return flow.singular_values_by_lag(row.cell, params, xs)[: TO + 1, 0]

    with jax.enable_x64(True):
        look = jax.jit(look)
        found = [np.asarray(look(jax.random.key(seed))) for seed in range(seeds)]
    return np.stack(found)


def slopes(values: np.ndarray) -> np.ndarray:
    """`[S]` nats a step, between the two lags of the protocol."""
    return (values[:, TO] - values[:, FROM]) * math.log(10) / (TO - FROM)


def table(measured: dict[str, np.ndarray]) -> list[Sequence[str]]:
    """Slopes beside those measured before, as rows of text, the head first."""
    lines: list[Sequence[str]] = [
        ["network", "slope [smallest, largest]", "measured before", "difference", ""]
    ]
    for row in ROWS:
        found = slopes(measured[row.name])
        shown = f"{found.mean():.3f} [{found.min():.3f}, {found.max():.3f}]"
        if row.slope is None:
            lines.append([row.name, shown, "-", "-", ""])
        else:
            away = found.mean() - row.slope
            ratio = f"{away / row.slope:+.0%}"
            lines.append([row.name, shown, f"{row.slope:.3f}", f"{away:+.3f}", ratio])
    return lines
