# SPDX-License-Identifier: Apache-2.0
"""Training as pure functions: one step, and a stretch of steps on the device."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from experiments.benchmarks.base import Batch, Benchmark, mean_loss
from experiments.config.settings import Train
from experiments.networks.sequence import Network


class TrainState(NamedTuple):
    """Everything that training changes. With several seeds, each leaf leads with one.

    Attributes:
      step: `[]` int32, updates made so far.
      params: parameters of the model.
      opt_state: state of the optimizer.
      carry: state of the network at the end of the last chunk, of a task of streams.
    """

    step: jax.Array
    params: Any
    opt_state: optax.OptState
    carry: Any = ()


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

    chunks = benchmark.streams and benchmark.streams(train.batch)

    def loss_fn(params, batch: Batch, carry):
        carry, logits = network.bind(params).go_on(batch.inputs, carry)
        return mean_loss(benchmark, logits, batch), carry

    def step(state, batch):
        # Of a task without streams the state is () before and after: it begins anew.
        carry = state.carry if chunks else None
        (loss, carry), grads = jax.value_and_grad(loss_fn, has_aux=True)(
            state.params, batch, carry
        )
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        state = TrainState(state.step + 1, params, opt_state, carry if chunks else ())
        return state, (loss, optax.tree.norm(grads))

    def draw(state, key):
        """The next batch, and the state with the carry to read it from."""
        if not chunks:
            return state, benchmark.batch(jax.random.fold_in(key, state.step), train.batch)
        chunk = chunks(state.step)
        fresh = network.bind(state.params).initial_state(train.batch)
        carry = jax.tree.map(
            lambda new, old: jnp.where(chunk.first, new, old), fresh, state.carry
        )
        return state._replace(carry=carry), chunk.batch

    def evaluate(params, key):
        batch = benchmark.examined(key, train.eval_batch)
        logits = in_parts(network.bind(params), batch.inputs, train.eval_parts)
        return {
            "eval_loss": mean_loss(benchmark, logits, batch),
            **benchmark.metrics(logits, batch),
        }

    def init(seed):
        params = network.init(keys_of(seed).init)
        carry = network.bind(params).initial_state(train.batch) if chunks else ()
        return TrainState(jnp.zeros((), jnp.int32), params, optimizer.init(params), carry)

    def advance(state, seed, stop):
        keys = keys_of(seed)

        def body(index, carry):
            state, losses, norms = carry
            state, (loss, norm) = step(*draw(state, keys.train))
            return state, losses.at[index].set(loss), norms.at[index].set(norm)

        # The bounds are data, so that a last, shorter stretch needs no compilation.
        blank = jnp.zeros(train.eval_every)
        state, losses, norms = jax.lax.fori_loop(
            0, stop - state.step, body, (state, blank, blank)
        )
        return state, Stretch(losses, norms, evaluate(state.params, keys.held_out))

    return Trainer(init, step, advance)


def in_parts(
    model: Callable[[jax.Array], jax.Array], inputs: jax.Array, parts: int
) -> jax.Array:
    """`model(inputs)`, `[T, B, I] -> [T, B, O]`, one part of the batch after the other."""
    if parts == 1:
        return model(inputs)
    steps, batch_size, size = inputs.shape
    each = inputs.reshape(steps, parts, batch_size // parts, size).swapaxes(0, 1)
    outputs = jax.lax.map(model, each).swapaxes(0, 1)
    return outputs.reshape(steps, batch_size, -1)
