# SPDX-License-Identifier: Apache-2.0
"""The settings of a run, as frozen dataclasses whose fields become flags."""

import math
from dataclasses import dataclass
from typing import Literal

from experiments.config.errors import check_at_least
from recur.initializers import INITIALIZERS


@dataclass(frozen=True)
class RunConfig:
    """What to run.

    Attributes:
      benchmark: a registered benchmark, or module:name of a BenchmarkSpec in a file of
        your own.
      preset: a named set of settings of the benchmark; single flags override it.
      cells: the cells to compare, separated by commas: registered names, or
        module:factory of your own.
      seeds: seeds for each cell, 0 to seeds-1 [seeds].
    """

    benchmark: str = "copy_memory"
    preset: str = "default"
    cells: str = "rnn,lstm,gru"
    seeds: int = 3

    def __post_init__(self):
        check_at_least(1, seeds=self.seeds)


@dataclass(frozen=True)
class Model:
    """The network around the cell.

    Attributes:
      hidden: H, the width of every cell without a `hidden` of its own [units].
      layers: recurrent layers on top of each other [layers].
      keep_bias: initial bias of the gate that keeps the state, for every cell that has
        one (`forget_bias` or `keep_bias`); positive keeps.
      chrono_steps: longest memory of a chrono initialisation, for every cell that has
        one; 0 switches it off [steps].
      recurrent_init: initializer of the recurrent weights of every cell.
      input_init: initializer of the input weights of every cell.
      precision: the dtype of the computation. `mixed`: matrix products in bfloat16, the
        rest in float32. `bfloat16`: everything but the stored weights and the loss.
    """

    hidden: int = 64
    layers: int = 1
    keep_bias: float | None = None
    chrono_steps: int | None = None
    recurrent_init: str | None = None
    input_init: str | None = None
    precision: Literal["float32", "mixed", "bfloat16"] = "float32"

    def __post_init__(self):
        check_at_least(1, hidden=self.hidden, layers=self.layers)
        for name in ("recurrent_init", "input_init"):
            chosen = getattr(self, name)
            if chosen is not None and chosen not in INITIALIZERS:
                raise ValueError(
                    f"{name} must be one of {', '.join(INITIALIZERS)}; got {chosen!r}"
                )


@dataclass(frozen=True)
class Train:
    """How a network is trained.

    Attributes:
      steps: parameter updates [steps].
      batch: sequences in a training batch [sequences].
      learning_rate: step size at the start.
      schedule: the learning rate over time; `half_cosine` is constant for the first half
        of the steps and falls to zero along a cosine in the second.
      optimizer: the update rule of optax.
      beta2: decay rate of the second moment of adam.
      decay: decay rate of the second moment of rmsprop.
      clip: bound on the gradient; 0 switches clipping off.
      clip_by: what `clip` bounds: the global norm of the gradient, or each entry.
      log_every: interval of the rows of metrics.jsonl [steps].
      eval_every: interval of the evaluations on validation data [steps].
      eval_batch: sequences in an evaluation where data are ever new; a finite validation
        or test set is evaluated whole, so many sequences at a time [sequences].
      eval_microbatches: parts that `eval_batch` is computed in, one after the other, to
        save memory. Where data are ever new, another number draws other sequences.
      checkpoint_every: interval of the checkpoints [steps].
      flow_batch: sequences in a gradient-flow curve [sequences].
      flow_every: interval of gradient-flow records while training; 0 measures before
        and after training alone [steps].
    """

    steps: int = 1000
    batch: int = 32
    learning_rate: float = 1e-3
    schedule: Literal["constant", "half_cosine"] = "constant"
    optimizer: Literal["adam", "rmsprop", "sgd"] = "adam"
    beta2: float = 0.999
    decay: float = 0.9
    clip: float = 1.0
    clip_by: Literal["norm", "value"] = "norm"
    log_every: int = 10
    eval_every: int = 50
    eval_batch: int = 256
    eval_microbatches: int = 1
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
            eval_microbatches=self.eval_microbatches,
            checkpoint_every=self.checkpoint_every,
            flow_batch=self.flow_batch,
        )
        check_at_least(0, flow_every=self.flow_every)
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(
                f"learning_rate must be finite and above 0, got {self.learning_rate}"
            )
        if not (math.isfinite(self.clip) and self.clip >= 0):
            raise ValueError(f"clip must be finite and at least 0, got {self.clip}")
        for name in ("beta2", "decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)}")
        self._check_multiple("log_every", "eval_every")
        self._check_multiple("eval_every", "checkpoint_every")
        self._check_multiple("eval_microbatches", "eval_batch")
        self._check_multiple("eval_every", "flow_every")

    def _check_multiple(self, fine, coarse):
        if getattr(self, coarse) % getattr(self, fine):
            raise ValueError(
                f"{coarse} must be a multiple of {fine}, "
                f"got {getattr(self, coarse)} and {getattr(self, fine)}"
            )
