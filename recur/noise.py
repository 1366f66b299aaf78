# SPDX-License-Identifier: Apache-2.0
"""Cell -> Cell with randomness: dropout, DropConnect, zoneout.

The parameters of a noisy cell are `NoisyParams(inner, noise)`. At rest, and so in
gradients, optimizers and checkpoints, `noise` holds no array, and the cell is the
deterministic one of evaluation. For training, fill in keys inside the loss:

    def loss(params, key, xs):
        state, ys = recur.unroll(cell, recur.with_key(params, key), xs)

These cells take plain inputs, so they go inside `masked` and `resettable`.
"""

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur.cell import Cell, Params, State, factory


class Noise(NamedTuple):
    """The key of one noisy cell, or None for evaluation."""

    key: jax.Array | None = None


class NoisyParams(NamedTuple):
    """The parameters of the cell within, and the noise around it."""

    inner: Params
    noise: Noise = Noise()


class ZoneoutState(NamedTuple):
    """The state of the cell within; in training, keys `[*B]` for the steps to come."""

    inner: State
    key: jax.Array | None = None


def with_key(params: Params, key: jax.Array | None) -> Params:
    """Parameters whose every `Noise` has a key of its own, made from `key`.

    Args:
      params: parameters of a cell or a stack, noisy cells anywhere in them.
      key: a PRNG key for training, None for evaluation.
    """
    count = itertools.count()

    def fill(node):
        if not isinstance(node, Noise):
            return node
        return Noise(None if key is None else jax.random.fold_in(key, next(count)))

    return jax.tree.map(fill, params, is_leaf=lambda node: isinstance(node, Noise))


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
    _check_rate("input_dropout", rate)

    def project(params, xs):
        if params.noise.key is not None:
            xs = xs * _mask(params.noise.key, rate, xs.shape[1:], xs.dtype)
        return cell.project(params.inner, xs)

    return _around(cell)._replace(project=project)


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
    _check_rate("state_dropout", rate)

    def step(params, state, u):
        if params.noise.key is not None:
            (h, *rest), structure = jax.tree.flatten(state)
            h = h * _mask(params.noise.key, rate, h.shape, h.dtype)
            state = jax.tree.unflatten(structure, [h, *rest])
        return cell.step(params.inner, state, u)

    return _around(cell)._replace(step=step)


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
    _check_rate("drop_connect", rate)

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

    return _around(cell)._replace(project=project, step=step)


@factory
def zoneout(cell: Cell, rate: float, memory_rate: float = 0.0) -> Cell:
    """s_t <- m_t * s_{t-1} + (1 - m_t) * s_t, m_t in {0, 1} drawn anew at every step.

    In evaluation m_t is its expectation. The output is the first leaf of the new state.

    Args:
      cell: the cell within, whose output is the first leaf of its state.
      rate: the share of units of h, the first leaf, that keep their value.
      memory_rate: the same for all other leaves, as an LSTM's c.

    Raises:
      ValueError: a rate is not in [0, 1); or, at a step of training, the state came
        from elsewhere than `initial_state` with keys in the parameters.

    Paper: Krueger et al., "Zoneout: regularizing RNNs by randomly preserving hidden
    activations", 2017.
    """
    _check_rate("zoneout", rate)
    _check_rate("zoneout", memory_rate)

    def initial_state(params, batch_shape):
        inner, key = cell.initial_state(params.inner, batch_shape), params.noise.key
        keys = None if key is None else jax.random.split(key, batch_shape)
        return ZoneoutState(inner, keys)

    def step(params, state, u):
        after, _ = cell.step(params.inner, state.inner, u)
        old, structure = jax.tree.flatten(state.inner)
        rates = [rate] + [memory_rate] * (len(old) - 1)
        masks, key = _zones(params.noise.key, state.key, rates, old)
        new = [
            m * a + (1 - m) * b
            for m, a, b in zip(masks, old, jax.tree.leaves(after), strict=True)
        ]
        return ZoneoutState(jax.tree.unflatten(structure, new), key), new[0]

    return _around(cell)._replace(initial_state=initial_state, step=step)


def _around(cell):
    """The cell within under `NoisyParams`, still without noise."""

    def init(key, input_size):
        return NoisyParams(cell.init(key, input_size))

    def initial_state(params, batch_shape):
        return cell.initial_state(params.inner, batch_shape)

    def project(params, xs):
        return cell.project(params.inner, xs)

    def step(params, state, u):
        return cell.step(params.inner, state, u)

    return Cell(init, initial_state, project, step)


def _mask(key, rate, shape, dtype):
    """0 with probability `rate`, 1 / (1 - rate) else: of expectation 1."""
    return jax.random.bernoulli(key, 1 - rate, shape).astype(dtype) / (1 - rate)


def _zones(noise, keys, rates, leaves):
    """A mask or its expectation for each leaf, and the keys `[*B]` of the next step."""
    if noise is None:
        return rates, None
    if keys is None:
        raise ValueError(
            "zoneout: the state has no key; start from initial_state(with_key(params, "
            "key), batch_shape), and put zoneout around learned_state, not within"
        )
    now, *each = jnp.moveaxis(_per_key(jax.random.split, len(leaves) + 1)(keys), -1, 0)
    masks = []
    for key, rate, leaf in zip(each, rates, leaves, strict=True):
        draw = _per_key(jax.random.bernoulli, rate, leaf.shape[-1:])
        masks.append(draw(key).astype(leaf.dtype))
    return masks, now


def _per_key(draw, *arguments):
    """`draw(key, *arguments) -> [n]` for keys `[*B]`, to `[*B, n]`."""
    return jnp.vectorize(lambda key: draw(key, *arguments), signature="()->(n)")


def _check_rate(name, rate):
    if not 0 <= rate < 1:
        raise ValueError(f"{name}: rate must be in [0, 1), got {rate}")
