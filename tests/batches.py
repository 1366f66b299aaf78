"""Batches of a benchmark and what is measured on them: shared by the tests of tasks."""

import jax

from tests.learning import network_of


def drawn(data, count, key=0, step=0):
    """A batch of `count` sequences."""
    return data.draw(data.arrays, jax.random.key(key), step, count)


def mean(measure, outputs, batch):
    """The value of a loss, a metric or a curve."""
    total, count = measure(outputs, batch)
    return total / count


def loss_of(task, outputs, batch):
    """The mean loss."""
    return mean(task.loss, outputs, batch)


def metric_of(task, name, outputs, batch):
    """The value of a metric."""
    return mean(task.metrics[name].terms, outputs, batch)


def outputs_of(task, cell="rnn", batch=None):
    """The outputs of an untrained network, for two training sequences by default."""
    network, batch = network_of(task, cell), drawn(task.train, 2) if batch is None else batch
    params = network.init(jax.random.key(0))
    return network.apply(params, batch, None, None)[0]
