"""A small network, trained for a moment: shared by tests that a task is learned."""

import jax
import jax.numpy as jnp

from experiments.config.settings import Train
from experiments.networks.recurrent import make_recurrent
from experiments.training.trainer import arrays_of, make_trainer
from recur.cells import CELLS


def network_of(task, cell, hidden=4, **options):
    """The network of a registered cell on a benchmark."""
    return task.network(make_recurrent(CELLS[cell](hidden), **options))


def learned(task, cell, *, steps, learning_rate=0.01, hidden=24, batch=32):
    """The evaluation of one seed after training."""
    train = Train(
        steps=steps, batch=batch, learning_rate=learning_rate, eval_every=steps,
        checkpoint_every=steps, log_every=steps, schedule="half_cosine", eval_batch=256,
    )  # fmt: skip
    trainer = make_trainer(network_of(task, cell, hidden), task, train)
    seed, arrays = jnp.int32(0), arrays_of(task)
    _, log = jax.jit(trainer.train_steps)(arrays, trainer.init(seed), seed, jnp.int32(steps))
    return log.evaluation
