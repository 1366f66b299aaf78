# SPDX-License-Identifier: Apache-2.0
"""One page of classic statements about gradient in recurrent networks, measured.

    python -m experiments.gradient_flow --preset=paper
"""

import math
from pathlib import Path

import numpy as np

from experiments.gradient_flow import published
from experiments.gradient_flow.analyses.lags import lag_curves
from experiments.gradient_flow.figure import write_figure
from experiments.gradient_flow.panel import HEAD, Lines, Panels, Subject, rows
from experiments.gradient_flow.probe import probes
from experiments.gradient_flow.settings import Lab
from experiments.launch.plan import make_plan
from experiments.reporting import page
from experiments.reporting.drawing import write_csv
from experiments.run import run as train_and_report
from experiments.runs.directory import open_run, versions
from experiments.runs.location import RunLocation
from experiments.training.progress import Progress
from recur import flow
from recur.cells import rnn
from recur.initializers import orthogonal


DRAWS, SEEDS = 4, 2
"""Networks drawn for each curve of fresh ones; seeds that are trained."""

CLAIMS = (
    (
        "The bound of Pascanu et al. (2013)",
        "The Jacobian over k steps is no larger than (gamma sigma_max)^k, so a tanh network "
        "with sigma_max below 1 must vanish; above 1 it may explode, but here does not: "
        "what its units saturate at decides.",
    ),
    (
        "The scale of the inputs",
        "The larger the inputs, the flatter the tanh, the faster gradient vanishes, as mean "
        "field theory says with 0.5 ln chi_1 (Chen et al. 2018).",
    ),
    (
        "Forget bias 0, 1, 3 and chrono",
        "An untrained LSTM with a forget bias of 0 vanishes as fast as a tanh network; what "
        "helps is the bias (Gers et al. 2000; Jozefowicz et al. 2015; Tallec & Ollivier "
        "2018). Dashed: what the gates carry by their biases alone.",
    ),
    (
        "Orthogonal: each gate's matrix, or all of them as one",
        "Libraries mean two things by orthogonal weights. One matrix over all k gates leaves "
        "each with singular values near 1/sqrt(k), and gradient vanishes faster.",
    ),
    (
        "Before and after training on copy memory",
        "Trained, the plain network has lost what little gradient it had, and the gated ones "
        "carry it over all of the lag (Hochreiter & Schmidhuber 1997; Cho et al. 2014).",
    ),
)

CLAIM = page.heading, page.paragraph

SIZE = r"$\log_{10}\,\sigma_1$ of $\mathrm{d}s_T/\mathrm{d}s_{T-k}$"


def classics(directory: Path) -> None:
    """Measure everything, and write one page in the directory.

    Raises:
      Interrupted: a signal stopped the training.
      UsageError: a cell diverged, and has no trained states.
    """
    directory.mkdir(parents=True, exist_ok=True)
    measured = {row.name: published.curves(row, DRAWS) for row in published.ROWS}
    found = {
        _subject("tanh"): {"bound": _bound(), "input scale": _input_scale(measured)},
        _subject("lstm and gru"): {
            "biases": _biases(measured),
            "orthogonal": _orthogonal(measured),
        },
        _subject("copy memory"): _training(directory / "copy_memory"),
    }
    stated = (
        f"Fresh networks: {published.UNITS} units, {published.INPUTS} inputs of N(0, 1), "
        f"lecun input weights, orthogonal for each gate where nothing else is said, float64, "
        f"{DRAWS} draws. Copy memory: the default run of `python -m experiments` with "
        f"{SEEDS} seeds."
    )
    write_csv(directory / "classics.csv", HEAD, rows(found))
    write_figure(found, stated, directory / "classics")
    slopes = published.table(measured)
    write_csv(directory / "slopes.csv", slopes[0], slopes[1:])
    parts = [
        page.paragraph(stated),
        page.figure(directory / "classics.svg", "Means over networks, ranges as bands."),
        *(f(x) for claim in CLAIMS for f, x in zip(CLAIM, claim, strict=True)),
        page.heading("Slopes of fresh networks"),
        page.paragraph(" ".join((published.__doc__ or "").split())),
        page.table(slopes),
        page.heading("Measured and predicted"),
        *map(page.paragraph, _notes(found)),
        page.heading("Versions"),
        page.table([["package", "version"], *page.pairs(versions())]),
    ]
    target = directory / "classics.html"
    target.write_text(page.page("Gradient flow, the classics", parts), encoding="utf-8")
    print(f"classics: {target}", *_notes(found), sep="\n  ")
    for line in slopes:
        print(f"{line[0]:<40}", *(f"{cell:>26}" for cell in line[1:]))


def _subject(name: str) -> Subject:
    return Subject(name, "", name)


def _bound() -> Lines:
    """Singular values of tanh networks W = rho Q without inputs, under their bound."""
    steps = np.arange(published.TO + 1)
    curves, theory = {}, {}
    for rho in (0.9, 1.0, 1.1):

        def scaled(key, shape, blocks, rho=rho):
            return rho * orthogonal(key, shape, blocks)

        row = published.Row("", rnn(published.UNITS, recurrent_init=scaled), 0.1, None)
        curves[f"sigma_max {rho}"] = published.curves(row, DRAWS)
        theory[f"({rho})^k"] = steps * math.log10(rho)
    return Lines(steps, curves, "lag k (steps)", SIZE, theory)


def _input_scale(measured) -> Lines:
    scales = {1.0: "rnn, orthogonal", 0.3: "rnn, orthogonal, inputs x 0.3"}
    scales[0.1] = "rnn, orthogonal, inputs x 0.1"
    steps = np.arange(published.TO + 1)
    curves = {f"inputs x {scale}": measured[name] for scale, name in scales.items()}
    theory, notes = {}, []
    for scale, name in scales.items():
        predicted = flow.mean_field(1.0, scale**2).slope
        theory[f"mean field, x {scale}"] = steps * predicted / math.log(10)
        found = published.slopes(measured[name]).mean()
        notes.append(
            f"inputs x {scale}: slope {found:.3f} nats/step measured, {predicted:.3f} by mean "
            f"field, difference {found - predicted:+.3f}"
        )
    return Lines(steps, curves, "lag k (steps)", SIZE, theory, notes=notes)


def _biases(measured) -> Lines:
    steps = np.arange(published.TO + 1)
    curves = {f"b_f = {b}": measured[f"lstm, forget bias {b}"] for b in (0, 1, 3)}
    curves["chrono, T = 100"] = measured["lstm, chrono 100"]
    theory = {
        f"sigma({b})^k": steps * float(flow.gate_slope(b)) / math.log(10) for b in (1, 3)
    }
    theory["law of chrono"] = np.asarray(flow.chrono_curve(100, steps))
    return Lines(steps, curves, "lag k (steps)", SIZE, theory)


def _orthogonal(measured) -> Lines:
    names = {
        "lstm, each gate": "lstm, forget bias 1",
        "lstm, all gates as one": "lstm, fused orthogonal, forget bias 1",
        "gru, each gate": "gru, keep bias 0",
        "gru, all gates as one": "gru, fused orthogonal",
    }
    steps = np.arange(published.TO + 1)
    curves = {label: measured[name] for label, name in names.items()}
    return Lines(steps, curves, "lag k (steps)", SIZE)


def _training(run: Path) -> Panels:
    """Lag curves of h of each cell, before and after the default run."""
    plan = make_plan({"seeds": SEEDS})
    location = RunLocation(str(run), overwrite=run.exists())
    with open_run(location, plan.settings) as opened:
        train_and_report(plan, opened, Progress(plan.cells, plan.train))
    panels: dict[str, dict[str, np.ndarray]] = {"init": {}, "trained": {}}
    for probe in probes(plan, Lab(), run):
        panels[probe.phase][probe.name] = lag_curves(probe)["h"]
    label = r"$\log_{10}\,\Vert\mathrm{d}L/\mathrm{d}h\Vert_2$"
    steps = np.arange(plan.benchmark.steps)
    return {
        phase: Lines(steps, curves, "lag (steps)", label) for phase, curves in panels.items()
    }


def _notes(found):
    return [n for panels in found.values() for panel in panels.values() for n in panel.notes]
