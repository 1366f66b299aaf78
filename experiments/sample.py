# SPDX-License-Identifier: Apache-2.0
"""Write with a trained language model.

    python -m experiments.sample --run=RUN --prompt=The --temperature=0.8 --top_k=20
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp

from experiments.benchmarks.data.files import data_directory
from experiments.config.errors import UsageError, check_at_least, check_known
from experiments.launch import flags
from experiments.launch.plan import Plan, construct, plan_of_run
from experiments.networks.base import Decoding
from experiments.networks.generation import as_ids, as_text


@dataclass(frozen=True)
class Sample:
    """How to write.

    Attributes:
      prompt: text to read first; if empty, the first symbol of the vocabulary.
      length: symbols to write [symbols].
      temperature: divides the logits; above 0, 1 draws from the learned distribution.
      top_k: draw from the k most likely symbols; 0 draws from all.
      seed: seed of the drawn symbols; the same seed gives the same text.
      cell: a cell of the run; if empty, the first.
      model_seed: which trained seed of that cell writes.
    """

    prompt: str = ""
    length: int = 300
    temperature: float = 1.0
    top_k: int = 0
    seed: int = 0
    cell: str = ""
    model_seed: int = 0

    def __post_init__(self):
        check_at_least(1, length=self.length)
        check_at_least(0, top_k=self.top_k, model_seed=self.model_seed, seed=self.seed)
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(
                f"temperature must be above 0, got {self.temperature}; for the most likely "
                f"symbol each time choose --top_k=1"
            )


COMMAND = flags.Command(
    module="experiments.sample",
    flags={
        "run": "directory of the run whose network writes",
        "data_dir": flags.FLAGS["data_dir"],
        "help": "show this and exit",
    },
    with_value=("run", "data_dir"),
    configs={"": Sample},
    run_settings=False,
)


def main(argv: Sequence[str]) -> int:
    """Print the prompt and what the network writes after it.

    Returns:
      The exit status: 0 done, 2 bad input.
    """
    try:
        values = flags.parse(argv, COMMAND)
        if values.help:
            print(flags.help_text(values, COMMAND))
            return 0
        sample = construct(Sample, "", flags.given(values, COMMAND))
        if values.run is None:
            raise UsageError("name the run whose network writes: --run=DIR")
        print(_write(Path(values.run), sample, data_directory(values.data_dir)))
    except UsageError as error:
        print(f"recur: {error}", file=sys.stderr)
        return 2
    return 0


def _write(run: Path, sample: Sample, data: Path) -> str:
    """The prompt and the text that follows it."""
    plan = plan_of_run(run, {}, data)
    cell = sample.cell or next(iter(plan.cells))
    if sample.cell:
        check_known("--cell", sample.cell, plan.cells)
    decode = plan.network(cell).decode
    if decode is None:
        raise UsageError(
            f"--run={run} trained {plan.name}, which is no language model: name a run of "
            f"char_lm or hello"
        )
    prompt = _checked_prompt(run, plan, sample)
    # orbax takes a second to import, too long for an error message.
    from experiments.training.restore import params_of, restore

    params = params_of(restore(plan, cell, run), sample.model_seed)
    config = Decoding(sample.temperature, sample.top_k, sample.length)
    key = jax.random.key(sample.seed)
    ids = jax.jit(decode, static_argnums=3)(params, jnp.array(prompt)[:, None], key, config)
    return sample.prompt + as_text(ids.ids[:, 0].tolist(), plan.benchmark.vocabulary)


def _checked_prompt(run: Path, plan: Plan, sample: Sample) -> list[int]:
    """The ids of the prompt."""
    if sample.model_seed >= plan.run.seeds:
        raise UsageError(
            f"--model_seed={sample.model_seed}: --run={run} has {plan.run.seeds} seeds"
        )
    vocabulary = plan.benchmark.vocabulary
    try:
        return as_ids(sample.prompt or vocabulary[0], vocabulary)
    except ValueError as error:
        raise UsageError(f"--{error}") from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
