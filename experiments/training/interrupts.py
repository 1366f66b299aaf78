# SPDX-License-Identifier: Apache-2.0
"""Stop at the next checkpoint on SIGTERM and Ctrl-C."""

import contextlib
import signal
from collections.abc import Callable, Iterator


class Interrupted(Exception):
    """A run was stopped by a signal, after saving a checkpoint.

    Args:
      signum: number of the signal.
    """

    def __init__(self, signum: int):
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


@contextlib.contextmanager
def deferred() -> Iterator[Callable[[], int | None]]:
    """Note the first SIGTERM or SIGINT; a second one has its usual effect.

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
