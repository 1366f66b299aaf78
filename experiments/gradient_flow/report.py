# SPDX-License-Identifier: Apache-2.0
"""The files of an analysis: a CSV, a figure and a page."""

from collections.abc import Mapping
from pathlib import Path

from experiments.config.options import Value
from experiments.gradient_flow.figure import write_figure
from experiments.gradient_flow.panel import HEAD, Found, rows
from experiments.reporting import page
from experiments.reporting.drawing import write_csv
from experiments.runs.directory import versions


def write(
    directory: Path,
    name: str,
    caption: str,
    found: Found,
    stated: str,
    settings: Mapping[str, Value],
) -> list[str]:
    """Write `NAME.csv`, `NAME.svg`, `NAME.png` and `NAME.html`.

    Args:
      directory: the target.
      name: name of the analysis.
      caption: explanation of the figure.
      found: recurrence -> its panels.
      stated: conditions of the measurement.
      settings: settings of the networks and of the laboratory.

    Returns:
      The notes of all panels, which compare measurement and prediction.
    """
    write_csv(directory / f"{name}.csv", HEAD, rows(found))
    write_figure(found, stated, directory / name)
    notes = [
        f"{subject.label}: {note}"
        for subject, panels in found.items()
        for panel in panels.values()
        for note in panel.notes
    ]
    parts = [
        page.paragraph(stated),
        page.figure(directory / f"{name}.svg", caption),
        *map(page.paragraph, notes),
        page.heading("Settings"),
        page.block("settings", page.table([["setting", "value"], *page.pairs(settings)])),
        page.heading("Versions"),
        page.table([["package", "version"], *page.pairs(versions())]),
    ]
    title = f"Gradient flow, {name}"
    (directory / f"{name}.html").write_text(page.page(title, parts), encoding="utf-8")
    return notes
