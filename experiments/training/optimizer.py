# SPDX-License-Identifier: Apache-2.0
"""The optimizer: clipping, then the update rule, under the schedule."""

import optax

from experiments.config.settings import Train


def make_optimizer(train: Train) -> optax.GradientTransformation:
    """The optimizer of the settings."""
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
        "adam": lambda rate: optax.adam(rate, b2=train.beta2),
        "rmsprop": lambda rate: optax.rmsprop(rate, decay=train.decay),
        "sgd": optax.sgd,
    }
    bounds = {"norm": optax.clip_by_global_norm, "value": optax.clip}
    bound = bounds[train.clip_by](train.clip) if train.clip else optax.identity()
    return optax.chain(bound, rules[train.optimizer](rates[train.schedule]()))
