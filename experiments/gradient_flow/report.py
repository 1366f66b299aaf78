# SPDX-License-Identifier: Apache-2.0
"""The files of an analysis: a CSV, a figure and a page."""

from collections.abc import Mapping
from pathlib import Path

from experiments.config.options import Value
from experiments.gradient_flow.figure import draw
from experiments.gradient_flow.panel import HEAD, Panels, rows
from experiments.reporting import page
from experiments.reporting.drawing import write_csv
from experiments.runs.directory import versions


def write(
    directory: Path,
    name: str,
    caption: str,
    found: Mapping[str, Panels],
    stated: str,
    settings: Mapping[str, Value],
) -> list[str]:
    """Write `NAME.csv`, `NAME.svg`, `NAME.png` and `NAME.html`.

    Args:
      directory: where to.
      name: of the analysis.
      caption: what is seen.
      found: network -> what was found of it.
      stated: under what conditions.
      settings: of the networks and of the laboratory.

    Returns:
      What was measured against what was predicted, line by line.
    """
    write_csv(directory / f"{name}.csv", HEAD, rows(found))
    draw(found, stated, directory / name)
    notes = [
        f"{network}: {note}"
        for network, panels in found.items()
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
