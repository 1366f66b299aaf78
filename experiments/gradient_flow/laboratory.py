# SPDX-License-Identifier: Apache-2.0
"""Run analyses on every recurrence of every network, and write their pages."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import jax.numpy as jnp

from experiments.config.errors import UsageError, check_known
from experiments.gradient_flow.analyses import ANALYSES
from experiments.gradient_flow.panel import Panels, Subject
from experiments.gradient_flow.probe import Probe, path_names, probes
from experiments.gradient_flow.report import write
from experiments.gradient_flow.settings import Lab
from experiments.launch.plan import Plan
from experiments.reporting.heading import heading_of


def analyse(plan: Plan, lab: Lab, run: Path | None, directory: Path) -> None:
    """Run the chosen analyses, write their pages, and print where they are.

    Raises:
      UsageError: an analysis or a path is unknown, or the run has no checkpoints.
    """
    names = lab.analyses.split(",") if lab.analyses else list(ANALYSES)
    for name in names:
        check_known("analysis", name, ANALYSES)
    subjects = list(probes(plan, lab, run))
    for probe in subjects:
        _check_settings(probe)
    directory.mkdir(parents=True, exist_ok=True)
    stated = _conditions(plan, lab, subjects)
    settings = {**plan.settings, **{f"lab.{k}": v for k, v in asdict(lab).items()}}
    for name in names:
        found: dict[Subject, Panels] = {}
        for probe in subjects:
            if panels := ANALYSES[name].run(probe):
                network = f"{probe.name} {probe.phase}"
                found[Subject(network, probe.site, probe.label)] = panels
        if not found:
            print(f"{name}: does not apply to these networks")
            continue
        notes = write(directory, name, ANALYSES[name].caption, found, stated, settings)
        print(f"{name}: {directory / name}.html", *notes, sep="\n  ")


def _check_settings(probe: Probe) -> None:
    if probe.lab.window > probe.steps:
        raise UsageError(
            f"--lab.window={probe.lab.window} is longer than the sequences: choose 1 to "
            f"{probe.steps}"
        )
    known = path_names(probe)
    for name in probe.lab.paths:
        if name not in known:
            raise UsageError(
                f"--lab.through: {probe.name} has no path {name!r}, it has {', '.join(known)}"
            )


def _conditions(plan: Plan, lab: Lab, subjects: Sequence[Probe]) -> str:
    """The conditions of every measurement."""
    view = subjects[0].view(subjects[0].params[0], 0)
    scale = float(jnp.sqrt(jnp.square(view.xs.astype(jnp.float32)).mean()))
    loss = {"last": "the last step", "all": "all steps, summed"}[lab.loss]
    data = "new sequences" if plan.benchmark.flow is None else "validation sequences"
    heading = heading_of(plan)
    conditions = [
        heading.title,
        f"loss: {loss}",
        f"root mean square of the inputs {scale:.3g}",
        f"{plan.run.seeds} seeds, {lab.batch} {data} each",
        plan.model.precision,
    ]
    return "; ".join([*conditions, *heading.labels.values()])
