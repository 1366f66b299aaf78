# SPDX-License-Identifier: Apache-2.0
"""The same layer in other libraries, with the weights of `recur`, each in its dialect."""

import importlib.util
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.speed.work import RATE, Programs, in_jax


class Peer(NamedTuple):
    """A library.

    Attributes:
      module: what must be installed.
      dialects: for each cell that it has, a name in `recur.interop.DIALECTS`.
      build: `(name in the library, weights, xs [T, B, I], H) -> Programs`.
    """

    module: str
    dialects: Mapping[str, str]
    build: Callable[[str, Any, jax.Array, int], Programs]


def installed(peer: Peer) -> bool:
    """Whether its library is there."""
    return importlib.util.find_spec(peer.module) is not None


def linen(name, weights, xs, hidden):
    from flax import linen as nn

    layer = nn.RNN(getattr(nn, name)(hidden), time_major=True)
    run = lambda weights, xs: layer.apply({"params": {"cell": weights}}, xs)
    return in_jax(run, weights, xs)


def nnx(name, weights, xs, hidden):
    from flax import nnx as flax_nnx

    cell = getattr(flax_nnx, name)(xs.shape[-1], hidden, rngs=flax_nnx.Rngs(0))
    structure, state, *rest = flax_nnx.split(cell, flax_nnx.Param, ...)

    def run(weights, xs):
        filled = jax.tree.map(lambda leaf: leaf, state)
        flax_nnx.replace_by_pure_dict(filled, weights)
        layer = flax_nnx.RNN(flax_nnx.merge(structure, filled, *rest), time_major=True)
        return layer(xs)

    return in_jax(run, weights, xs)


def haiku(name, weights, xs, hidden):
    import haiku as hk

    def forward(xs):
        core = getattr(hk, name)(hidden)
        return hk.dynamic_unroll(core, xs, core.initial_state(xs.shape[1]))[0]

    return in_jax(hk.without_apply_rng(hk.transform(forward)).apply, weights, xs)


def equinox(name, weights, xs, hidden):
    import equinox

    empty = getattr(equinox.nn, name)(xs.shape[-1], hidden, key=jax.random.key(0))
    cell = equinox.tree_at(
        lambda cell: [getattr(cell, leaf) for leaf in weights], empty, list(weights.values())
    )

    def run(cell, xs):
        zeros = jnp.zeros((xs.shape[1], hidden))
        state = (zeros, zeros) if name == "LSTMCell" else zeros

        def step(state, x):
            state = jax.vmap(cell)(x, state)
            return state, jax.tree.leaves(state)[0]

        return jax.lax.scan(step, state, xs)[1]

    return in_jax(run, cell, xs)


def keras(name, weights, xs, hidden):
    os.environ["KERAS_BACKEND"] = "jax"
    import keras as library

    layer = getattr(library.layers, name)(hidden, return_sequences=True)
    layer.build((None, None, xs.shape[-1]))
    names = [weight.path.split("/")[-1] for weight in layer.weights]
    rest = [variable.value for variable in layer.non_trainable_variables]

    def run(weights, xs):
        return layer.stateless_call([weights[name] for name in names], rest, xs)[0]

    # Batch first, as Keras has it.
    programs = in_jax(run, weights, xs.swapaxes(0, 1))
    return programs._replace(forward=lambda: programs.forward().swapaxes(0, 1))


def torch(name, weights, xs, hidden):
    import torch as library

    device = "cuda" if jax.default_backend() == "gpu" else "cpu"
    layer = getattr(library.nn, name)(xs.shape[-1], hidden)
    layer.load_state_dict({k: library.tensor(np.array(v)) for k, v in weights.items()})
    layer.to(device)
    update = library.optim.SGD(layer.parameters(), lr=RATE)
    inputs = library.tensor(np.array(xs)).to(device)

    def forward():
        with library.no_grad():
            return layer(inputs)[0].cpu().numpy()

    def train():
        update.zero_grad()
        loss = layer(inputs)[0].square().mean()
        loss.backward()
        update.step()
        # On a GPU, all is computed when a number of it can be read.
        return loss.item()

    return Programs(forward, train)


PEERS: dict[str, Peer] = {
    "flax linen": Peer(
        "flax",
        {
            "rnn": "linen.SimpleCell",
            "lstm": "linen.OptimizedLSTMCell",
            "gru": "linen.GRUCell",
        },
        linen,
    ),
    "flax nnx": Peer(
        "flax",
        {"rnn": "nnx.SimpleCell", "lstm": "nnx.OptimizedLSTMCell", "gru": "nnx.GRUCell"},
        nnx,
    ),
    "haiku": Peer(
        "haiku",
        {"rnn": "haiku.VanillaRNN", "lstm": "haiku.LSTM", "gru": "haiku.GRU"},
        haiku,
    ),
    "equinox": Peer(
        "equinox", {"lstm": "equinox.LSTMCell", "gru": "equinox.GRUCell"}, equinox
    ),
    "keras": Peer(
        "keras", {"rnn": "keras.SimpleRNN", "lstm": "keras.LSTM", "gru": "keras.GRU"}, keras
    ),
    "pytorch": Peer(
        "torch", {"rnn": "torch.RNN", "lstm": "torch.LSTM", "gru": "torch.GRU"}, torch
    ),
}
"""Name -> library, each with the layer or the loop that its documentation recommends."""
