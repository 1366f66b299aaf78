# SPDX-License-Identifier: Apache-2.0
"""SIGTERM and Ctrl-C end a run at the next safe point, with a checkpoint."""

import contextlib
import signal
from collections.abc import Callable, Iterator


class Interrupted(Exception):
    """The run was asked to stop, and has saved what it has.

    Args:
      signum: the signal that asked.
    """

    def __init__(self, signum: int):
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


@contextlib.contextmanager
def deferred() -> Iterator[Callable[[], int | None]]:
    """Note SIGTERM and SIGINT instead of dying of them; a second one is not deferred.

    Yields:
      A function that returns the signal received, or None.
    """
    received: list[int] = []

    def note(signum, frame):
        del frame
        received.append(signum)
        signal.signal(signum, signal.SIG_DFL)

    before = {s: signal.signal(s, note) for s in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: received[0] if received else None
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
