# SPDX-License-Identifier: Apache-2.0
"""Panels of an analysis, lines or a map, and their rows as CSV."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np


class Lines(NamedTuple):
    """Curves over a common axis.

    Attributes:
      x: `[X]`.
      curves: name -> `[S, X]`, one for each seed.
      x_label: with its unit.
      y_label: with its unit.
      theory: name -> `[X]`, drawn over the curves.
      log_x: whether x is drawn on a logarithmic axis.
      notes: lines that compare measurement and prediction.
    """

    x: np.ndarray
    curves: Mapping[str, np.ndarray]
    x_label: str
    y_label: str
    theory: Mapping[str, np.ndarray] = {}
    log_x: bool = False
    notes: Sequence[str] = ()


class Map(NamedTuple):
    """Numbers over two axes, for one seed or the mean of several.

    Attributes:
      values: `[Y, X]`.
      x_label: with its unit.
      y_label: with its unit.
      z_label: of the values.
      x_names: of the columns, where they have names.
      y_names: of the rows, where they have names.
      notes: as of `Lines`.
    """

    values: np.ndarray
    x_label: str
    y_label: str
    z_label: str
    x_names: Sequence[str] = ()
    y_names: Sequence[str] = ()
    notes: Sequence[str] = ()


Panels = Mapping[str, Lines | Map]
"""Title -> panel, of one site of a network."""


class Subject(NamedTuple):
    """The recurrence that an analysis is about.

    Attributes:
      network: cell and phase, such as `lstm trained`.
      site: name of the recurrence, such as `layer1`.
      label: both, or the network alone if it has one site.
    """

    network: str
    site: str
    label: str


Found = Mapping[Subject, Panels]

HEAD = ["network", "site", "panel", "curve", "seed", "x", "value"]


def rows(found: Found) -> Iterator[list[str | int | float]]:
    """The lines of the CSV under `HEAD`; the seed of a theory or a map is empty."""
    for subject, panels in found.items():
        for title, panel in panels.items():
            start = [subject.network, subject.site, title]
            yield from _of_map(start, panel) if isinstance(panel, Map) else _of_lines(
                start, panel
            )


def _of_lines(start, panel):
    for curve, values in panel.curves.items():
        for seed, line in enumerate(values):
            for x, value in zip(panel.x, line, strict=True):
                yield [*start, curve, seed, f"{x:g}", f"{value:.6g}"]
    for curve, line in panel.theory.items():
        for x, value in zip(panel.x, line, strict=True):
            yield [*start, curve, "", f"{x:g}", f"{value:.6g}"]


def _of_map(start, panel):
    for y, line in enumerate(panel.values):
        name = panel.y_names[y] if panel.y_names else str(y)
        for x, value in enumerate(line):
            column = panel.x_names[x] if panel.x_names else str(x)
            yield [*start, name, "", column, f"{value:.6g}"]
