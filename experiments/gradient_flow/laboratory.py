# SPDX-License-Identifier: Apache-2.0
"""Every analysis of every network, written down as it is found."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import jax.numpy as jnp

from experiments.config.errors import Refusal, check_known
from experiments.gradient_flow.analyses import ANALYSES
from experiments.gradient_flow.panel import Panels
from experiments.gradient_flow.probe import Probe, path_names
from experiments.gradient_flow.report import write
from experiments.gradient_flow.settings import Lab
from experiments.gradient_flow.subjects import probes
from experiments.launch.plan import Plan
from experiments.reporting import figures


def look(plan: Plan, lab: Lab, run: Path | None, directory: Path) -> None:
    """Run the analyses chosen, and say where each is.

    Raises:
      Refusal: an analysis or a path is unknown, or the run has no checkpoints.
    """
    names = lab.analyses.split(",") if lab.analyses else list(ANALYSES)
    for name in names:
        check_known("analysis", name, ANALYSES)
    networks = list(probes(plan, lab, run))
    for probe in networks:
        _check_paths(probe)
    directory.mkdir(parents=True, exist_ok=True)
    stated = _stated(plan, lab, networks)
    settings = {**plan.settings, **{f"lab.{k}": v for k, v in asdict(lab).items()}}
    for name in names:
        shown: dict[str, Panels] = {}
        for probe in networks:
            if panels := ANALYSES[name].run(probe):
                shown[f"{probe.name} {probe.phase}"] = panels
        if not shown:
            print(f"{name}: nothing to show of these networks")
            continue
        notes = write(directory, name, ANALYSES[name].caption, shown, stated, settings)
        print(f"{name}: {directory / name}.html", *notes, sep="\n  ")


def _check_paths(probe: Probe) -> None:
    known = path_names(probe)
    for name in probe.lab.paths:
        if name not in known:
            raise Refusal(
                f"--lab.through: {probe.name} has no path {name!r}, it has {', '.join(known)}"
            )


def _stated(plan: Plan, lab: Lab, networks: Sequence[Probe]) -> str:
    """The conditions under which everything was measured."""
    view = networks[0].view(networks[0].params[0], 0)
    scale = float(jnp.sqrt(jnp.square(view.xs).mean()))
    loss = {"last": "the last step", "all": "all steps, summed"}[lab.loss]
    conditions = [
        figures.task(plan),
        f"loss: {loss}",
        f"root mean square of the inputs {scale:.3g}",
        f"{plan.front.seeds} seeds, {lab.batch} sequences each",
        plan.model.precision,
    ]
    return "; ".join([*conditions, *(figures.label(name, plan) for name in plan.cells)])
