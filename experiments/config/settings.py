# SPDX-License-Identifier: Apache-2.0
"""What a run is made of: the frozen configs that become flags."""

import math
from dataclasses import dataclass
from typing import Literal

from experiments.config.errors import check_at_least


@dataclass(frozen=True)
class Model:
    """The network around the cell: inputs -> recurrent layers -> linear readout.

    Attributes:
      hidden: H [units], the width of every cell without a `hidden` of its own.
      layers: recurrent layers on top of each other.
      precision: of what is computed; `mixed` has matrix products in bfloat16, all else in
        float32; `bfloat16` has all of the network in it, but for the weights that are
        updated and the loss.
    """

    hidden: int = 64
    layers: int = 1
    precision: Literal["float32", "mixed", "bfloat16"] = "float32"

    def __post_init__(self):
        check_at_least(1, hidden=self.hidden, layers=self.layers)


@dataclass(frozen=True)
class Train:
    """How a model is trained.

    Attributes:
      steps: parameter updates [steps].
      batch: sequences in a batch [sequences].
      learning_rate: step size at the start.
      schedule: course of the learning rate; `half_cosine` keeps it for the first half
        of the steps and takes it to zero along a cosine in the second.
      optimizer: the update rule of optax.
      decay: of the second moment, beta_2 in adam and rho in rmsprop.
      clip: bound on the gradient; 0 is none.
      clip_by: what is bounded, the global norm of the gradient or each entry.
      log_every: a row of metrics every so many updates [steps].
      eval_every: an evaluation every so many updates [steps].
      eval_batch: held-out sequences of an evaluation [sequences].
      eval_parts: how many parts they are computed in, one after the other, for memory.
      checkpoint_every: a checkpoint every so many updates [steps].
      flow_batch: held-out sequences behind a gradient-flow curve [sequences].
      flow_every: gradient flow recorded every so many updates; 0 is before and after
        training alone [steps].
    """

    steps: int = 1000
    batch: int = 32
    learning_rate: float = 1e-3
    schedule: Literal["constant", "half_cosine"] = "constant"
    optimizer: Literal["adam", "rmsprop", "sgd"] = "adam"
    decay: float = 0.999
    clip: float = 1.0
    clip_by: Literal["norm", "value"] = "norm"
    log_every: int = 10
    eval_every: int = 50
    eval_batch: int = 256
    eval_parts: int = 1
    checkpoint_every: int = 200
    flow_batch: int = 32
    flow_every: int = 0

    def __post_init__(self):
        check_at_least(
            1,
            steps=self.steps,
            batch=self.batch,
            log_every=self.log_every,
            eval_every=self.eval_every,
            eval_batch=self.eval_batch,
            eval_parts=self.eval_parts,
            checkpoint_every=self.checkpoint_every,
            flow_batch=self.flow_batch,
        )
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(
                f"learning_rate must be finite and above 0, got {self.learning_rate}"
            )
        if not (math.isfinite(self.clip) and self.clip >= 0):
            raise ValueError(f"clip must be finite and at least 0, got {self.clip}")
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must be in [0, 1), got {self.decay}")
        self._check_grid("log_every", "eval_every")
        self._check_grid("eval_every", "checkpoint_every")
        self._check_grid("eval_parts", "eval_batch")
        check_at_least(0, flow_every=self.flow_every)
        self._check_grid("eval_every", "flow_every")

    def _check_grid(self, fine, coarse):
        if getattr(self, coarse) % getattr(self, fine):
            raise ValueError(
                f"{coarse} must be a multiple of {fine}, "
                f"got {getattr(self, coarse)} and {getattr(self, fine)}"
            )


@dataclass(frozen=True)
class Front:
    """What is run.

    Attributes:
      benchmark: name of the benchmark.
      preset: name of a set of settings of the benchmark; single flags override it.
      cells: names of the cells to compare, separated by commas.
      seeds: how many seeds each cell is trained with, 0 to seeds-1 [seeds].
    """

    benchmark: str = "copy_memory"
    preset: str = "default"
    cells: str = "rnn,lstm,gru"
    seeds: int = 3

    def __post_init__(self):
        check_at_least(1, seeds=self.seeds)
