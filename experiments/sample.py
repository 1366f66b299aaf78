# SPDX-License-Identifier: Apache-2.0
"""Have a trained language model write.

    python -m experiments.sample --run=RUN --prompt=The --temperature=0.8 --top_k=20
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.benchmarks.data.files import data_directory
from experiments.config.errors import Refusal, check_at_least, check_known
from experiments.launch import flags
from experiments.launch.plan import Plan, construct, make_plan
from experiments.runs import directory as runs


@dataclass(frozen=True)
class Writing:
    """How a model writes.

    Attributes:
      prompt: what it reads first; its first symbol if not given.
      length: how much it writes [symbols].
      temperature: above 0; small is sure of itself, 1 is what was learned.
      top_k: draw from that many of the likeliest symbols; 0 is all.
      seed: of what is drawn, and the same text each time.
      cell: which of the cells of the run; the first if not given.
      network: which seed of that cell.
    """

    prompt: str = ""
    length: int = 300
    temperature: float = 1.0
    top_k: int = 0
    seed: int = 0
    cell: str = ""
    network: int = 0

    def __post_init__(self):
        check_at_least(1, length=self.length)
        check_at_least(0, top_k=self.top_k, network=self.network, seed=self.seed)
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(
                f"temperature must be above 0, got {self.temperature}; for the likeliest "
                f"symbol each time choose --top_k=1"
            )


DOOR = flags.Door(
    module="experiments.sample",
    place={
        "run": "directory of the run whose model writes",
        "data_dir": flags.PLACE["data_dir"],
        "help": "show this and exit",
    },
    words=("run", "data_dir"),
    configs={"": Writing},
    describes=False,
)


def main(argv: Sequence[str]) -> int:
    """Print the prompt and what follows.

    Returns:
      The exit status: 0 done, 2 the input is refused.
    """
    try:
        values = flags.parse(argv, DOOR)
        if values.help:
            print(flags.help_text(values, DOOR))
            return 0
        writing = construct(Writing, "", flags.given(values, DOOR))
        if values.run is None:
            raise Refusal("name the run whose model writes: --run=DIR")
        plan = _plan(Path(values.run), data_directory(values.data_dir))
        prompt = _prompt(plan, writing)
        print(writing.prompt + _written(plan, writing, Path(values.run), prompt))
    except Refusal as error:
        print(f"recur: {error}", file=sys.stderr)
        return 2
    return 0


def _plan(run: Path, data: Path) -> Plan:
    saved = runs.saved_settings(runs.Place(str(run), True, False, None))
    if saved is None:
        raise Refusal(f"--run={run} holds no run (it has no {runs.CONFIG}): name another")
    plan = make_plan({}, saved, data)
    if not plan.benchmark.spells:
        raise Refusal(
            f"--run={run} is of {plan.front.benchmark}, which is no language model: name a "
            f"run of char_lm or hello"
        )
    return plan


def _prompt(plan: Plan, writing: Writing) -> list[int]:
    from experiments.networks.generation import as_ids

    if writing.cell:
        check_known("--cell", writing.cell, plan.cells)
    if writing.network >= plan.front.seeds:
        raise Refusal(f"--network={writing.network}: the run has {plan.front.seeds} seeds")
    symbols = plan.benchmark.symbols
    try:
        return as_ids(writing.prompt or symbols[0], symbols)
    except ValueError as error:
        raise Refusal(f"--{error}") from None


def _written(plan: Plan, writing: Writing, run: Path, prompt: Sequence[int]) -> str:
    # flax and orbax take seconds to import: a refusal must not wait for them.
    import jax
    import jax.numpy as jnp

    from experiments.gradient_flow.settings import Lab
    from experiments.gradient_flow.subjects import probes
    from experiments.networks.generation import Manner, write

    name = writing.cell or next(iter(plan.cells))
    one = plan._replace(cells={name: plan.cells[name]})
    *_, probe = probes(one, Lab(), run)
    symbols = plan.benchmark.symbols
    ids = write(
        probe.network,
        probe.params[writing.network],
        len(symbols),
        jnp.array(prompt),
        jax.random.key(writing.seed),
        Manner(writing.temperature, writing.top_k, writing.length),
    )
    return "".join(symbols[i] for i in ids.tolist())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
