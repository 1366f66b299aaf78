# SPDX-License-Identifier: Apache-2.0
"""Training as pure functions: from seed to loss, many steps in one program."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from experiments.benchmarks.base import Benchmark
from experiments.config.settings import Train
from experiments.networks.base import Batch, Network
from experiments.training.evaluation import LOSS, losses_and_metrics, make_evaluate
from experiments.training.keys import keys_of
from experiments.training.optimizer import make_optimizer


class Best(NamedTuple):
    """The parameters of the best evaluation so far.

    Attributes:
      loss: `[]` validation loss.
      step: `[]` int32, updates made then.
      params: parameters then.
    """

    loss: jax.Array
    step: jax.Array
    params: Any


class TrainState(NamedTuple):
    """Everything that training changes. Over several seeds, each leaf is `[S, ...]`.

    Attributes:
      step: `[]` int32, updates made.
      params: parameters of the network.
      opt_state: state of the optimizer.
      carry: state of the recurrences at the end of the last batch of streams, or ().
      best: for a benchmark with a test set, the `Best` parameters; else ().
    """

    step: jax.Array
    params: Any
    opt_state: optax.OptState
    carry: Any = ()
    best: Best | tuple[()] = ()


class TrainLog(NamedTuple):
    """Measurements of at most N training steps.

    Attributes:
      loss: `[N]` training loss of each step; zero after the last one.
      grad_norm: `[N]` global norm of the gradient before clipping.
      evaluation: validation loss and metrics after the last step.
    """

    loss: jax.Array
    grad_norm: jax.Array
    evaluation: dict[str, jax.Array]


class Trainer(NamedTuple):
    """The training of one network on one benchmark, for one seed `[]` int32.

    Attributes:
      init: `seed -> TrainState`.
      step: `(state, batch, key) -> (state, (loss, gradient norm))`, one update.
      train_steps: `(arrays, state, seed, stop) -> (state, TrainLog)`, up to step `stop`.
      test: `(arrays, state, seed) -> {"final": ..., "best": ...}`, loss and metrics on
        the test set; None without one.
    """

    init: Callable[[jax.Array], TrainState]
    step: Callable[..., tuple[TrainState, tuple[jax.Array, jax.Array]]]
    train_steps: Callable[..., tuple[TrainState, TrainLog]]
    test: Callable[..., dict[str, dict[str, jax.Array]]] | None


def arrays_of(benchmark: Benchmark) -> dict[str, Any]:
    """The arrays of all data of a benchmark, the argument of its compiled programs."""
    sets = {
        "train": benchmark.train,
        "validation": benchmark.validation,
        "test": benchmark.test,
        "flow": benchmark.flow,
    }
    return {name: data.arrays for name, data in sets.items() if data is not None}


def make_trainer(network: Network, benchmark: Benchmark, train: Train) -> Trainer:
    """The training of a network, as pure functions of the seed."""
    optimizer = make_optimizer(train)
    step = make_step(network, benchmark, optimizer)
    measures = losses_and_metrics(benchmark)
    validate = make_evaluate(network, benchmark.validation, measures, train)

    def init(seed):
        params = network.init(keys_of(seed).init)
        carry = initial_carry(network, benchmark, train, params)
        zero = jnp.zeros((), jnp.int32)
        best = Best(jnp.array(jnp.inf), zero, params) if benchmark.test else ()
        return TrainState(zero, params, optimizer.init(params), carry, best)

    def train_steps(arrays, state, seed, stop):
        keys = keys_of(seed)

        def body(index, loop):
            state, losses, norms = loop
            key = jax.random.fold_in(keys.train, state.step)
            batch = benchmark.train.draw(arrays["train"], key, state.step, train.batch)
            noise = jax.random.fold_in(keys.noise, state.step)
            state, (loss, norm) = step(state, batch, noise)
            return state, losses.at[index].set(loss), norms.at[index].set(norm)

        # The bounds are data, so that a last, shorter call runs the same program.
        blank = jnp.zeros(train.eval_every)
        state, losses, norms = jax.lax.fori_loop(
            0, stop - state.step, body, (state, blank, blank)
        )
        evaluation = validate(arrays["validation"], state.params, keys.validation)
        return keep_best(state, evaluation[LOSS]), TrainLog(losses, norms, evaluation)

    return Trainer(init, step, train_steps, make_test(network, benchmark, train))


def make_step(
    network: Network, benchmark: Benchmark, optimizer: optax.GradientTransformation
) -> Callable[..., tuple[TrainState, tuple[jax.Array, jax.Array]]]:
    """One update: `(state, batch, key) -> (state, (loss, gradient norm))`."""

    def loss_of(params, batch: Batch, carry, key):
        outputs, carry = network.apply(params, batch, carry, key)
        total, count = benchmark.loss(outputs, batch)
        return total / count, carry

    def step(state, batch, key=None):
        streams = batch.first is not None
        (loss, carry), grads = jax.value_and_grad(loss_of, has_aux=True)(
            state.params, batch, state.carry if streams else None, key
        )
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        state = state._replace(
            step=state.step + 1,
            params=params,
            opt_state=opt_state,
            carry=carry if streams else (),
        )
        return state, (loss, optax.tree.norm(grads))

    return step


def initial_carry(
    network: Network, benchmark: Benchmark, train: Train, params: Any
) -> Any:
    """Zeros in the place of the carry before the first batch of streams, or ()."""

    def run(arrays, key):
        batch = benchmark.train.draw(arrays, key, 0, train.batch)
        if batch.first is None:
            return ()
        return network.apply(params, batch, None, key)[1]

    shapes = jax.eval_shape(run, benchmark.train.arrays, jax.random.key(0))
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)


def keep_best(state: TrainState, loss: jax.Array) -> TrainState:
    """The state with `best` replaced where the validation loss is lower."""
    if not isinstance(state.best, Best):
        return state
    now = Best(loss, state.step, state.params)
    better = loss < state.best.loss
    best = jax.tree.map(lambda new, old: jnp.where(better, new, old), now, state.best)
    return state._replace(best=best)


def make_test(
    network: Network, benchmark: Benchmark, train: Train
) -> Callable[..., dict[str, dict[str, jax.Array]]] | None:
    """The evaluation on the test set, after the last step and at the best one."""
    data = benchmark.test
    if data is None:
        return None
    evaluate = make_evaluate(network, data, losses_and_metrics(benchmark), train)

    def test(arrays, state, seed):
        key = keys_of(seed).test
        final = evaluate(arrays["test"], state.params, key)
        return {"final": final, "best": evaluate(arrays["test"], state.best.params, key)}

    return test
