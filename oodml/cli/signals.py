"""Ctrl-C, ``kill`` and a terminal that goes away end a command in one way, each with its exit code."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable

from oodml.core.interrupt import received_signal, stop_cleanly

INTERRUPTED = "oodml: interrupted; the same command continues where it stopped"


def run_stoppable(command: Callable[[], int]) -> int:
    """The exit code of ``command``; 128 + the signal's number (130, 143, 129) where one ended it."""
    try:
        with stop_cleanly(end_by_signal=False):
            code = command()
    except BaseException:
        # what a signal breaks off may fail in its own way, an import for instance
        if received_signal() is None:
            raise
        code = 1
        with contextlib.suppress(OSError, KeyboardInterrupt):  # the terminal may be gone
            print(INTERRUPTED, file=sys.stderr)
    received = received_signal()
    return 128 + received if received is not None and code != 0 else code
