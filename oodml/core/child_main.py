"""What a child process of :mod:`oodml.core.children` runs first. It imports nothing heavy.

Its standard input is the line of life: the first line is the job, and the end of it says that the
parent has died or wants the child to stop. Its standard output carries messages, lines of JSON;
what the code it runs prints goes to standard error.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import sys
import threading
import time
from typing import Any, Protocol

from oodml.core.interrupt import Interrupted, interrupt_here, leave_signals_to_parent

GRACE_S = 3.0
_LOOK_S = 1.0
_PR_SET_PDEATHSIG = 1


class Send(Protocol):
    """Tells the parent something: a kind and what belongs to it, all plain JSON."""

    def __call__(self, kind: str, **content: Any) -> None: ...


def main(job: dict[str, Any]) -> None:
    """Run the job's function, ``module:name``, as ``function(send, **arguments)``."""
    _end_at_once_with(job["parent"])
    leave_signals_to_parent()
    if hasattr(signal, "pthread_sigmask"):  # the parent held them back until here
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
    line = _LineOfLife(job["parent"])
    send = _messages()
    module, _, name = job["function"].partition(":")
    function = getattr(importlib.import_module(module), name)
    line.at_work = True
    try:
        function(send, **job["arguments"])
    except (Interrupted, BrokenPipeError):  # asked to stop, or nobody hears us any more
        os._exit(1)
    line.at_work = False


def _end_at_once_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies, also amid a long native call."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.name == "posix" and os.getppid() != parent:  # it died before
        os._exit(1)


class _LineOfLife:
    """Watches standard input; at its end the process is interrupted, and ends."""

    def __init__(self, parent: int) -> None:
        self.at_work: bool | None = None  # None before it began
        self._parent = parent
        self._input = os.dup(0)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)  # the code that is run shall not read from the line
        os.close(nothing)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while self._holds():
            pass
        if self.at_work:
            interrupt_here()  # so that it gives back what it holds
        if self.at_work is not None:
            time.sleep(GRACE_S)  # it may be ending by itself, too
        os._exit(1)

    def _holds(self) -> bool:
        if os.name != "posix":
            return os.read(self._input, 1) != b""
        ready, _, _ = select.select([self._input], [], [], _LOOK_S)
        # a process that the parent forked may hold the line open after the parent's death
        return os.getppid() == self._parent and (not ready or os.read(self._input, 1) != b"")


def _messages() -> Send:
    """Take standard output for messages, and give what is printed to standard error."""
    output = os.fdopen(os.dup(1), "w", encoding="ascii")
    try:
        os.dup2(2, 1)
    except OSError:  # there is none
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    lock = threading.Lock()

    def send(kind: str, **content: Any) -> None:
        line = json.dumps({"kind": kind, **content})
        with lock:
            output.write(line + "\n")
            output.flush()

    return send
