# SPDX-License-Identifier: Apache-2.0
"""The recurrences of a network, read off the names of their states and gates."""

from collections.abc import Iterable

from experiments.training.lag_curves import outputs_of


def sites_of(names: Iterable[str]) -> list[str]:
    """The recurrences, in the order of the data; `[""]` for a network with one.

    Args:
      names: names of states, such as `h`, `c` or `layer1.h`, `layer1.c`, `layer2.h`.
    """
    known = dict.fromkeys(names)
    if "h" in known:
        return [""]
    return [name.removesuffix(".h") for name in outputs_of(known)] or [""]


def name_in(site: str, name: str) -> str | None:
    """The name within a recurrence: `h` for `layer1.h`; None if it is not part of it."""
    if not site:
        return name
    prefix = f"{site}."
    return name.removeprefix(prefix) if name.startswith(prefix) else None


def output_of(site: str) -> str:
    """The name of the output of a recurrence."""
    return f"{site}.h" if site else "h"


def prefixed(site: str, text: str, separator: str = ": ") -> str:
    """Text with the recurrence in front, where the network has several."""
    return f"{site}{separator}{text}" if site else text
