"""One training step, the model around a cell, and its gradient flow on a task."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from experiments.benchmarks.memory.copy_memory import CopyMemory, copy_memory
from experiments.benchmarks.text.char_lm import CharLM, char_lm
from experiments.config.settings import Train
from experiments.launch.plan import make_plan
from experiments.networks.base import Batch
from experiments.networks.recurrent import make_recurrent
from experiments.training.devices import replicas
from experiments.training.evaluation import losses_and_metrics, make_evaluate
from experiments.training.keys import keys_of
from experiments.training.lag_curves import (
    by_leaf,
    by_site,
    make_curves,
    outputs_of,
    table,
)
from experiments.training.optimizer import make_optimizer
from experiments.training.trainer import arrays_of, make_trainer
from recur.cells import CELLS
from tests.learning import network_of


TASK = copy_memory(CopyMemory(lag=3, pattern_length=1, symbols=3))
ARRAYS = arrays_of(TASK)
TINY = Train(steps=8, batch=4, eval_every=4, eval_batch=8, checkpoint_every=4, log_every=2)

cells = pytest.mark.parametrize("name", sorted(CELLS))


def draw(key, batch_size):
    return TASK.train.draw((), key, 0, batch_size)


@cells
def test_the_network_is_a_cell_and_a_linear_readout(name):
    cell = CELLS[name](6)
    net = network_of(TASK, name, 6)
    params = net.init(jax.random.key(0))
    assert set(params) == {"recurrent", "readout"}
    batch = draw(jax.random.key(1), 5)
    (site,) = net.sites(params, batch, TASK.loss).values()
    state = cell.initial_state(site.params, (5,))
    logits, _ = net.apply(params, batch, None, None)
    us = cell.project(site.params, jax.nn.one_hot(batch.inputs, 5))
    for t in range(TASK.steps):
        u = jax.tree.map(lambda leaf, t=t: leaf[t], us)
        state, h = cell.step(site.params, state, u)
        expected = h @ params["readout"]["kernel"] + params["readout"]["bias"]
        np.testing.assert_allclose(logits[t], expected, atol=1e-5)


@cells
def test_an_untrained_network_is_near_the_uniform_guess(name):
    net = network_of(TASK, name, 64)
    batch = draw(jax.random.key(1), 200)
    logits, _ = net.apply(net.init(jax.random.key(0)), batch, None, None)
    total, count = TASK.loss(logits, batch)
    # Cells that sum up their inputs without a bound are surest of their wrong guesses.
    np.testing.assert_allclose(total / count, math.log(4), rtol=0.4)


def test_every_seed_starts_elsewhere_and_sees_other_batches():
    init = make_trainer(network_of(TASK, "rnn", 6), TASK, TINY).init
    first, second = (init(jnp.int32(seed)).params for seed in (0, 1))
    assert (first["recurrent"]["w_h"] != second["recurrent"]["w_h"]).any()
    one, other = (draw(keys_of(seed).train, 50).targets for seed in (0, 1))
    assert (one != other).any()


@cells
def test_four_steps_at_once_are_four_single_steps(name):
    trainer = make_trainer(network_of(TASK, name, 5), TASK, TINY)
    train_steps = jax.jit(trainer.train_steps)
    seed = jnp.int32(7)
    state = trainer.init(seed)
    whole, log = train_steps(ARRAYS, state, seed, jnp.int32(4))
    for step in range(1, 5):
        state, single = train_steps(ARRAYS, state, seed, jnp.int32(step))
        assert single.loss[0] == log.loss[step - 1]
        assert single.grad_norm[0] == log.grad_norm[step - 1]
    jax.tree.map(np.testing.assert_array_equal, state, whole)


def test_every_step_sees_a_batch_of_its_own():
    """Hardly a step is taken, so the losses differ by their batches alone."""
    task = copy_memory(CopyMemory(lag=3, pattern_length=5, symbols=8))
    train = dataclasses.replace(TINY, optimizer="sgd", learning_rate=1e-12)
    trainer = make_trainer(network_of(task, "rnn", 5), task, train)
    seed = jnp.int32(0)
    _, log = trainer.train_steps(arrays_of(task), trainer.init(seed), seed, jnp.int32(4))
    assert np.diff(np.sort(log.loss)).min() > 1e-4


def test_the_log_of_fewer_steps_is_zero_at_its_end():
    trainer = make_trainer(network_of(TASK, "rnn", 5), TASK, TINY)
    seed = jnp.int32(0)
    _, log = trainer.train_steps(ARRAYS, trainer.init(seed), seed, jnp.int32(3))
    assert (log.loss[:3] > 0).all() and (log.loss[3:] == 0).all()


def test_the_test_set_is_measured_at_the_best_validation_step(tmp_path):
    """And at the last one; the best step is not the last where training overshoots."""
    text = "".join(np.random.RandomState(0).choice(list("abcd"), 400))
    (tmp_path / "text.txt").write_text(text)
    task = char_lm(CharLM(text=str(tmp_path / "text.txt"), chunk=4), tmp_path)
    train = Train(
        steps=6, batch=2, eval_batch=4, eval_every=1, log_every=1, checkpoint_every=1,
        optimizer="sgd", learning_rate=30.0, clip=0.0,
    )  # fmt: skip
    net, arrays, seed = network_of(task, "gru", 5), arrays_of(task), jnp.int32(1)
    trainer = make_trainer(net, task, train)
    train_steps, test = jax.jit(trainer.train_steps), jax.jit(trainer.test)
    evaluate = jax.jit(make_evaluate(net, task.test, losses_and_metrics(task), train))
    state, seen = trainer.init(seed), []
    for step in range(1, 7):
        state, log = train_steps(arrays, state, seed, jnp.int32(step))
        seen.append((float(log.evaluation["loss"]), step, state.params))
    loss, step, params = min(seen, key=lambda one: one[0])
    assert step < 6
    assert (float(state.best.loss), int(state.best.step)) == (loss, step)
    jax.tree.map(np.testing.assert_array_equal, state.best.params, params)
    found = test(arrays, state, seed)
    for phase, chosen in (("best", params), ("final", state.params)):
        expected = evaluate(arrays["test"], chosen, keys_of(seed).test)
        jax.tree.map(np.testing.assert_array_equal, found[phase], expected)
    assert found["best"]["loss"] != found["final"]["loss"]


def test_noise_is_on_in_training_and_off_in_evaluation():
    """At a rate of almost nothing the losses differ by the noise alone."""
    train = dataclasses.replace(TINY, optimizer="sgd", learning_rate=1e-12)
    logs = []
    for cell in (recur.gru(5), recur.state_dropout(recur.gru(5), 0.5)):
        trainer = make_trainer(TASK.network(make_recurrent(cell)), TASK, train)
        state, seed = trainer.init(jnp.int32(0)), jnp.int32(0)
        logs.append(trainer.train_steps(ARRAYS, state, seed, jnp.int32(4))[1])
    plain, noisy = logs
    assert (plain.loss[:4] != noisy.loss[:4]).all()
    np.testing.assert_allclose(
        plain.evaluation["loss"], noisy.evaluation["loss"], rtol=1e-6
    )


def test_names_are_sorted_by_site_with_its_output_first():
    sites = [f"layer{index}" for index in range(1, 12)]
    wanted = [f"{site}.{leaf}" for site in sites for leaf in "hcn"]
    mixed = {"curves": dict.fromkeys(sorted(wanted)), "a": {}}
    assert list(by_site(mixed, sites)["curves"]) == wanted
    assert outputs_of(wanted) == [f"{site}.h" for site in sites]
    assert list(by_site(dict.fromkeys("chn"), ["layer1"])) == list("hcn")


@pytest.mark.parametrize(("by", "bound"), [("norm", 0.5), ("value", 0.5)])
def test_clipping_bounds_what_it_says(by, bound):
    train = dataclasses.replace(
        TINY, optimizer="sgd", learning_rate=1.0, clip=bound, clip_by=by
    )
    optimizer = make_optimizer(train)
    grads = {"a": jnp.array([3.0, -4.0]), "b": jnp.array([0.1])}
    updates, _ = optimizer.update(grads, optimizer.init(grads), grads)
    found = jnp.concatenate([updates["a"], updates["b"]])
    expected = {
        "norm": -jnp.array([3.0, -4.0, 0.1]) * bound / math.sqrt(25.01),
        "value": jnp.array([-0.5, 0.5, -0.1]),
    }
    np.testing.assert_allclose(found, expected[by], rtol=1e-6)


def test_no_clipping_at_zero():
    train = dataclasses.replace(TINY, optimizer="sgd", learning_rate=1.0, clip=0.0)
    optimizer = make_optimizer(train)
    updates, _ = optimizer.update(jnp.array([30.0]), optimizer.init(jnp.zeros(1)))
    np.testing.assert_allclose(updates, [-30.0])


def test_half_cosine_keeps_the_rate_for_half_and_ends_at_zero():
    train = dataclasses.replace(
        TINY, optimizer="sgd", schedule="half_cosine", learning_rate=2.0, clip=0.0
    )
    optimizer = make_optimizer(train)
    state = optimizer.init(jnp.zeros(()))
    rates = []
    for _ in range(9):
        update, state = optimizer.update(jnp.ones(()), state)
        rates.append(-float(update))
    np.testing.assert_allclose(rates[:5], 2.0)
    expected = [1 + math.cos(math.pi * k / 4) for k in range(5)]
    np.testing.assert_allclose(rates[4:], expected, atol=1e-6)


@cells
def test_curves_are_the_gradient_of_the_last_loss_alone(name):
    """Against probes in the carry of a loop written out here, in float64."""
    with jax.enable_x64(True):
        cell, net = CELLS[name](5), network_of(TASK, name, 5)
        params = net.init(keys_of(3).init)
        curves = jax.jit(make_curves(net, TASK, 4))(ARRAYS, params, 3)
        batch = draw(keys_of(3).flow, 4)
        (site,) = net.sites(params, batch, TASK.loss).values()
        weights, readout = site.params, params["readout"]
        xs = jax.nn.one_hot(batch.inputs, 5).astype(jnp.float64)

        def last_loss(probes):
            state = cell.initial_state(weights, (4,))
            us = cell.project(weights, xs)
            for t in range(TASK.steps):
                u = jax.tree.map(lambda leaf, t=t: leaf[t], us)
                state, _ = cell.step(weights, state, u)
                leaves, structure = jax.tree.flatten(state)
                moved = [leaf + probe[t] for leaf, probe in zip(leaves, probes, strict=True)]
                state = jax.tree.unflatten(structure, moved)
            logits = jax.tree.leaves(state)[0] @ readout["kernel"] + readout["bias"]
            return TASK.loss(logits, Batch(None, batch.targets[-1]))[0]

        state = cell.initial_state(weights, (TASK.steps, 4))
        zeros = [jnp.zeros_like(leaf) for leaf in jax.tree.leaves(state)]
        found = jax.jit(jax.grad(last_loss))(zeros)
        for leaf, grads in zip(by_leaf(state), found, strict=True):
            with np.errstate(divide="ignore"):
                norms = np.log10(np.linalg.norm(grads, axis=-1)).mean(1)[::-1]
            np.testing.assert_allclose(curves[leaf], norms, rtol=1e-5, atol=1e-6)


def test_the_lines_of_the_csv_have_a_column_for_every_leaf():
    lstm = {"h": np.array([[0.5, -1.0]]), "c": np.array([[-np.inf, -2.0]])}
    gru = {"h": np.array([[0.25], [0.75]])}
    head, lines = table({"lstm": {"init": lstm}, "gru": {"trained": gru}})
    assert head == ["cell", "seed", "phase", "lag", "log10_norm_h", "log10_norm_c"]
    assert list(lines) == [
        ("lstm", 0, "init", 0, "0.500000", "-inf"),
        ("lstm", 0, "init", 1, "-1.000000", "-2.000000"),
        ("gru", 0, "trained", 0, "0.250000", ""),
        ("gru", 1, "trained", 0, "0.750000", ""),
    ]


@cells
def test_every_cell_learns_to_copy_over_a_short_lag(name):
    train = make_plan({"train.steps": 300, "train.eval_every": 300,
                       "train.checkpoint_every": 300, "train.batch": 16}).train  # fmt: skip
    trainer = make_trainer(network_of(TASK, name, 24), TASK, train)
    seeds = jnp.arange(2)
    given = jax.vmap(trainer.init)(seeds), seeds, jnp.full(2, 300)
    where = replicas(2)
    one = jax.tree.map(lambda leaf: leaf[0], given)
    train_steps = where.compile(trainer.train_steps, ARRAYS, *one)
    log = where.get(train_steps(*map(where.put, given))[1])
    assert (log.evaluation["recall_accuracy"] == 1).all()
    assert (log.evaluation["loss"] < 0.1 * TASK.baseline).all()
