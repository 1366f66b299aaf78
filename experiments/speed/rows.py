# SPDX-License-Identifier: Apache-2.0
"""One row for each cell, shape, library and pass: what was measured."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from experiments.speed.measure import (
    Quartiles,
    check_outputs,
    in_turn,
    quartiles,
    relative_error,
)
from experiments.speed.ours import PRECISIONS, VARIANTS, keeper, ours
from experiments.speed.peers import PEERS, Peer, installed
from experiments.speed.work import (
    Programs,
    Shape,
    floor,
    make_inputs,
    make_params,
    reference,
)
from recur.cell import Cell
from recur.interop import DIALECTS, dump


PASSES = "forward", "train"


class Row(NamedTuple):
    """The time of one library for one pass.

    Attributes:
      kind: rnn, lstm, gru, or fork.
      cell: with the options that the dialect of the library asks for.
      shape: B T I H.
      library: its name; `floor` is the products without recurrence.
      timed_pass: forward or train.
      ms: time [ms].
      ratio: its time over that of `recur` in the same round, for the same cell.
      compile_seconds: of both passes.
      temporaries: memory [MB] of a train step.
      error: of the outputs, relative to float64.
      gradient_error: of the gradient, relative to float64, where its names are ours.
    """

    kind: str
    cell: str
    shape: Shape
    library: str
    timed_pass: str
    ms: Quartiles
    ratio: Quartiles
    compile_seconds: float | None
    temporaries: float | None
    error: float | None
    gradient_error: float | None


def cells_of(kind: str, peers: Mapping[str, Peer]) -> dict[Callable[..., Cell], list[str]]:
    """The cell behind each dialect, and the libraries that speak it."""
    cells: dict[Callable[..., Cell], list[str]] = {}
    for name, peer in peers.items():
        if kind in peer.dialects and installed(peer):
            cells.setdefault(DIALECTS[peer.dialects[kind]].cell, []).append(name)
    return cells


def rows_of(kind: str, shape: Shape, *, precisions: bool, rounds: Any) -> Iterator[Row]:
    """All rows of a kind of cell and a shape."""
    cells = {keeper: []} if kind == "fork" else cells_of(kind, PEERS)
    for make, names in cells.items():
        cell = make(shape.H)
        programs = {name: ours(variant, cell, shape) for name, variant in VARIANTS.items()}
        if precisions:
            programs |= {n: ours(v, cell, shape) for n, v in PRECISIONS.items()}
        programs |= {name: _theirs(PEERS[name], kind, cell, shape) for name in names}
        ys, grads = reference(cell, shape)
        errors = check_outputs(programs, ys)
        with_names = {*VARIANTS, *PRECISIONS}.intersection(programs)
        of_gradients = {n: relative_error(programs[n].train(), grads) for n in with_names}
        programs["floor"] = floor(cell, shape)
        for timed_pass in PASSES:
            taken = in_turn({n: getattr(p, timed_pass) for n, p in programs.items()}, rounds)
            for name, program in programs.items():
                yield Row(
                    kind=kind,
                    cell=_label(make),
                    shape=shape,
                    library=name,
                    timed_pass=timed_pass,
                    ms=quartiles(taken[name] * 1e3),
                    ratio=quartiles(taken[name] / taken["recur"]),
                    compile_seconds=program.compile_seconds,
                    temporaries=program.temporaries,
                    error=errors.get(name),
                    gradient_error=of_gradients.get(name),
                )


def _theirs(peer: Peer, kind: str, cell: Cell, shape: Shape) -> Programs:
    name = peer.dialects[kind]
    params = make_params(cell, shape)
    has_place = any("b2" in entry.rows for entry in DIALECTS[name].entries)
    if not has_place and getattr(params, "b_h", None) is not None:
        # It is zero, so that all still compute the same.
        params = params._replace(b_h=None)
    weights = dump(name, (params,) if DIALECTS[name].layered else params)
    return peer.build(name.split(".")[1], weights, make_inputs(shape), shape.H)


def _label(make: Any) -> str:
    options = ", ".join(f"{k}={v}" for k, v in getattr(make, "keywords", {}).items())
    return f"{getattr(make, 'func', make).__name__}({options})".removesuffix("()")
