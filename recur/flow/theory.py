# SPDX-License-Identifier: Apache-2.0
"""Predictions of gradient flow from theory, to compare with measurements."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class MeanField(NamedTuple):
    """Statistics of an infinitely wide h_t = tanh(W h_{t-1} + V x_t + b).

    Attributes:
      variance: q, of a pre-activation at the fixed point.
      chi: chi_1, the mean squared singular value of ds_t/ds_{t-1}.
      slope: 0.5 ln chi_1, the change of the log norm of a gradient [nats/step].
    """

    variance: float
    chi: float
    slope: float


def mean_field(recurrent: float, drive: float, bias: float = 0.0) -> MeanField:
    """q = a E[tanh^2(sqrt(q) z)] + v + b,  chi_1 = a E[sech^4(sqrt(q) z)],  z ~ N(0, 1).

    Assumes independent inputs at every step.

    Args:
      recurrent: a, H times the variance of an entry of W.
      drive: v, the variance of an entry of V x_t.
      bias: b, the variance of an entry of b.

    Paper: Chen, Pennington & Schoenholz, "Dynamical isometry and a mean field theory of
    RNNs", 2018.
    """
    # Evenly spaced nodes, because Gauss-Hermite nodes are too far apart where tanh(sqrt(q) z)
    # is steep.
    nodes = np.linspace(-12, 12, 4001)
    weights = np.exp(-np.square(nodes) / 2)
    weights = weights / weights.sum()

    def expect(function: Callable[[np.ndarray], np.ndarray], q: float) -> float:
        return float(weights @ function(math.sqrt(q) * nodes))

    q = recurrent + drive + bias
    for _ in range(10_000):
        q, last = recurrent * expect(lambda x: np.tanh(x) ** 2, q) + drive + bias, q
        if abs(q - last) <= 1e-15:
            break
    chi = recurrent * expect(lambda x: (1 - np.tanh(x) ** 2) ** 2, q)
    return MeanField(q, chi, 0.5 * math.log(chi) if chi > 0 else -math.inf)


def norm_bound(weights: jax.Array, steepest: float = 1.0) -> jax.Array:
    """Compute ln(gamma sigma_max(W)), an upper bound of the slope of a lag curve.

    For h_t = g(W h_{t-1} + ...), ||ds_t/ds_{t-k}|| <= (gamma sigma_max(W))^k, where gamma
    is the largest |g'|.

    Args:
      weights: W `[H, H]`.
      steepest: gamma: 1 for tanh, 1/4 for a sigmoid.

    Returns:
      The bound [nats/step].

    Paper: Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural
    networks", 2013.
    """
    return jnp.log(steepest * jnp.linalg.norm(weights, ord=2))


def gate_slope(bias: jax.typing.ArrayLike) -> jax.Array:
    """Compute ln sigma(b), the slope of a gate that depends on its bias b alone [nats/step].
    """
    return jax.nn.log_sigmoid(jnp.asarray(bias, float))


def gate_curve(biases: jax.Array, lags: jax.typing.ArrayLike) -> jax.Array:
    """Compute log10 of the root mean square over units of sigma(b)^k.

    The share of the state that is kept over k steps by gates that depend on their biases
    alone.

    Args:
      biases: b `[H]`.
      lags: k `[K]`.

    Returns:
      `[K]`.
    """
    powers = 2 * jnp.asarray(lags, biases.dtype)[:, None] * jax.nn.log_sigmoid(biases)
    log_mean = jax.nn.logsumexp(powers, axis=1) - math.log(len(biases))
    return log_mean / 2 / math.log(10)


def chrono_curve(longest: int, lags: jax.typing.ArrayLike) -> jax.Array:
    """Compute log10 of the root mean square of f^k, f = u / (1 + u), u ~ U[1, T - 1].

    `gate_curve` of infinitely many units with chrono initialisation.

    Args:
      longest: T, the longest time constant [steps].
      lags: k `[K]`.

    Returns:
      `[K]`.

    Paper: Tallec & Ollivier, "Can recurrent neural networks warp time?", 2018.
    """
    nodes, weights = np.polynomial.legendre.leggauss(400)
    u = 1 + (nodes + 1) / 2 * (longest - 2)
    log_keep = jnp.asarray(np.log(u) - np.log1p(u))
    powers = 2 * jnp.asarray(lags, log_keep.dtype)[:, None] * log_keep
    log_mean = jax.nn.logsumexp(powers, b=jnp.asarray(weights / 2), axis=1)
    return log_mean / 2 / math.log(10)
