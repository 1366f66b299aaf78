"""A small network, trained for a moment: what the tests that something is learned share."""

import jax
import jax.numpy as jnp

from experiments.config.settings import Train
from experiments.networks.sequence import network
from experiments.training.trainer import make_trainer
from recur.cells import CELLS


def learned(task, cell, *, steps, learning_rate=0.01, hidden=24, batch=32):
    """The evaluation of one seed after training."""
    train = Train(
        steps=steps, batch=batch, learning_rate=learning_rate, eval_every=steps,
        checkpoint_every=steps, log_every=steps, schedule="half_cosine", eval_batch=256,
    )  # fmt: skip
    trainer = make_trainer(network(CELLS[cell](hidden), task), task, train)
    seed = jnp.int32(0)
    _, stretch = jax.jit(trainer.advance)(trainer.init(seed), seed, jnp.int32(steps))
    return stretch.evaluation
