# SPDX-License-Identifier: Apache-2.0
"""Training as pure functions: one step, and a stretch of steps on the device."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from experiments.benchmark import Batch, Benchmark
from experiments.model import Network
from experiments.settings import Train


class TrainState(NamedTuple):
    """Everything that training changes. With several seeds, each leaf leads with one.

    Attributes:
      step: `[]` int32, updates made so far.
      params: parameters of the model.
      opt_state: state of the optimizer.
    """

    step: jax.Array
    params: Any
    opt_state: optax.OptState


class Stretch(NamedTuple):
    """What a stretch of at most N steps measured.

    Attributes:
      loss: `[N]` training loss of each step, nats; zero past the end of the stretch.
      grad_norm: `[N]` global norm of its gradient before clipping.
      evaluation: loss and metrics on held-out sequences after its last step.
    """

    loss: jax.Array
    grad_norm: jax.Array
    evaluation: dict[str, jax.Array]


class Trainer(NamedTuple):
    """Training of one model on one benchmark, for a single seed `[]` int32.

    Attributes:
      init: `seed -> TrainState`.
      step: `(state, batch) -> (state, (loss, gradient norm))`, one update.
      advance: `(state, seed, stop) -> (state, Stretch)`, up to step `stop`.
    """

    init: Callable[[jax.Array], TrainState]
    step: Callable[[TrainState, Batch], tuple[TrainState, tuple[jax.Array, jax.Array]]]
    advance: Callable[[TrainState, jax.Array, jax.Array], tuple[TrainState, Stretch]]


class Keys(NamedTuple):
    """The streams of randomness of a seed; no two overlap."""

    init: jax.Array
    train: jax.Array
    held_out: jax.Array
    flow: jax.Array


def keys_of(seed: jax.Array) -> Keys:
    """Every random number of a run comes from its seed and the step."""
    return Keys(*jax.random.split(jax.random.key(seed), len(Keys._fields)))


def make_optimizer(train: Train) -> optax.GradientTransformation:
    """Clipping, then the update rule, under the schedule."""
    half = train.steps // 2
    rates = {
        "constant": lambda: optax.constant_schedule(train.learning_rate),
        "half_cosine": lambda: optax.join_schedules(
            [
                optax.constant_schedule(train.learning_rate),
                optax.cosine_decay_schedule(train.learning_rate, train.steps - half),
            ],
            [half],
        ),
    }
    rules = {
        "adam": lambda rate: optax.adam(rate, b2=train.decay),
        "rmsprop": lambda rate: optax.rmsprop(rate, decay=train.decay),
        "sgd": optax.sgd,
    }
    bounds = {"norm": optax.clip_by_global_norm, "value": optax.clip}
    bound = bounds[train.clip_by](train.clip) if train.clip else optax.identity()
    return optax.chain(bound, rules[train.optimizer](rates[train.schedule]()))


def make_trainer(network: Network, benchmark: Benchmark, train: Train) -> Trainer:
    """The training of a network, as pure functions of the seed."""
    optimizer = make_optimizer(train)

    def loss_fn(params, batch: Batch):
        logits = network.bind(params)(batch.inputs)
        return benchmark.loss(logits, batch.targets).mean()

    def step(state, batch):
        loss, grads = jax.value_and_grad(loss_fn)(state.params, batch)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        return TrainState(state.step + 1, params, opt_state), (loss, optax.tree.norm(grads))

    def evaluate(params, key):
        batch = benchmark.batch(key, train.eval_batch)
        logits = network.bind(params)(batch.inputs)
        loss = benchmark.loss(logits, batch.targets).mean()
        return {"eval_loss": loss, **benchmark.metrics(logits, batch.targets)}

    def init(seed):
        params = network.init(keys_of(seed).init)
        return TrainState(jnp.zeros((), jnp.int32), params, optimizer.init(params))

    def advance(state, seed, stop):
        keys = keys_of(seed)

        def body(index, carry):
            state, losses, norms = carry
            key = jax.random.fold_in(keys.train, state.step)
            state, (loss, norm) = step(state, benchmark.batch(key, train.batch))
            return state, losses.at[index].set(loss), norms.at[index].set(norm)

        # The bounds are data, so that a last, shorter stretch needs no compilation.
        blank = jnp.zeros(train.eval_every)
        state, losses, norms = jax.lax.fori_loop(
            0, stop - state.step, body, (state, blank, blank)
        )
        return state, Stretch(losses, norms, evaluate(state.params, keys.held_out))

    return Trainer(init, step, advance)


def over_seeds(function: Callable[..., Any]) -> Callable[..., Any]:
    """Map a function of one seed over a leading axis of all its arguments.

    One after the other on a CPU, where `vmap` is no faster and each seed then computes
    the very bits that it would alone; side by side elsewhere.
    """
    if jax.default_backend() == "cpu":
        return lambda *args: jax.lax.map(lambda xs: function(*xs), args)
    return jax.vmap(function)
