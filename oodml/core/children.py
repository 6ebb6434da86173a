"""Child processes of an interpreter of their own, which end with their parent whatever ends that.

Not ``multiprocessing``: its children import the main script once more, so that a script without
``if __name__ == "__main__"`` would start itself again and again, and one from standard input or a
notebook cannot be found. A child is told what to import instead.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from typing import Any

from oodml.core.errors import OodmlError

END_S = 5.0
# The first line of standard input is the job; it brings the path on which oodml is found.
_BOOT = (
    "import json, os, sys; line = sys.stdin.buffer.readline(); line or os._exit(1); "
    "job = json.loads(line); sys.path[:] = job['path']; "
    "from oodml.core.child_main import main; main(job)"
)


class Child:
    """A process that runs ``function(send, **arguments)``.

    Args:
        function: ``module:name`` of it; ``send`` is a :class:`oodml.core.child_main.Send`.
        arguments: plain JSON.
        heard: where its messages go, as (child, message), and (child, None) when it has no more.

    Raises:
        OodmlError: no process can be started.
    """

    def __init__(
        self,
        function: str,
        arguments: dict[str, Any],
        heard: SimpleQueue[tuple[Child, dict[str, Any] | None]],
    ) -> None:
        if not sys.executable:
            raise OodmlError("this Python does not know its own program; use executor serial")
        command = [sys.executable, *(f"-W{one}" for one in sys.warnoptions), "-c", _BOOT]
        job = {
            "path": [os.fspath(one) for one in sys.path],
            "parent": os.getpid(),
            "function": function,
            "arguments": arguments,
        }
        try:
            with _signals_held_back():
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
                )
        except OSError as error:
            raise OodmlError(
                f"cannot start a worker process ({error}); use executor serial"
            ) from error
        self.pid = self._process.pid
        threading.Thread(target=self._listen, args=(heard,), daemon=True).start()
        with contextlib.suppress(OSError):  # it has ended already; that will be heard
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            self._process.stdin.flush()

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def ask_to_stop(self) -> None:
        """Let it stop what it does and give back what it holds; does not wait."""
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()

    def end(self, within_s: float = END_S) -> str:
        """Wait for its end, kill it if that does not come, and say how it ended."""
        self.ask_to_stop()
        try:
            code = self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        return how_it_ended(code)

    def _listen(self, heard: SimpleQueue[tuple[Child, dict[str, Any] | None]]) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                # one that was cut off by the process's death is none
                with contextlib.suppress(ValueError):
                    heard.put((self, json.loads(line)))
        heard.put((self, None))


def end_all(children: Iterable[Child]) -> None:
    """End several at once."""
    listed = list(children)
    for child in listed:
        child.ask_to_stop()
    for child in listed:
        child.end()


def how_it_ended(code: int) -> str:
    """A process's exit code in words.

    >>> how_it_ended(-11), how_it_ended(3)
    ('SIGSEGV', 'exit code 3')
    """
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return name + (", perhaps by the system for lack of memory" if name == "SIGKILL" else "")


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    """A process started in the block gets no SIGINT, SIGTERM or SIGHUP before it lets them through.

    What the terminal sends to all of a command's processes would else end it, with a traceback,
    while it starts.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(
        signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    )
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
