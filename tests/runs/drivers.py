"""Commands and scripts in processes of their own, and the processes they start."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
_started: list[subprocess.Popen[bytes]] = []


def run_command(
    spec: Path, out: Path, executor: str = "processes", **options: object
) -> subprocess.Popen[bytes]:
    """``oodml run`` of a spec with two workers."""
    command = ["-m", "oodml", "run", str(spec), "--out", str(out), "--workers", "2"]
    return start([*command, "--executor", executor], **options)


def start(
    arguments: list[str], ignore: tuple[int, ...] = (), **options: object
) -> subprocess.Popen[bytes]:
    """Python with arguments, in a process group of its own, its output in one pipe.

    Args:
        ignore: signals that are ignored from the start, as by nohup; the others are not, whatever
            the shell that runs the tests ignores.
    """

    def signals() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN if number in ignore else signal.SIG_DFL)

    given = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **options}
    process = subprocess.Popen(
        [sys.executable, *arguments],
        start_new_session=True,
        preexec_fn=signals,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [*sys.path, str(HERE)]))},
        **given,  # type: ignore[call-overload]
    )
    _started.append(process)
    return process


def end_all_started() -> None:
    """End what a test that failed has left running."""
    while _started:
        process = _started.pop()
        if process.poll() is None:
            process.kill()
            process.communicate()
        for pid in session(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class Forked:
    """A command forked from a process that has imported all of oodml; like a Popen as far as needed."""

    returncode: int | None = None

    def __init__(self, server: subprocess.Popen[bytes], arguments: list[str], output: Path) -> None:
        assert server.stdin is not None
        assert server.stdout is not None
        self._answers, self._output = server.stdout, output
        line = json.dumps({"arguments": arguments, "output": str(output)})
        server.stdin.write(line.encode())
        server.stdin.flush()
        self.pid = int(self._answers.readline())

    def wait(self, timeout: float) -> int:
        if self.returncode is None:
            ready, _, _ = select.select([self._answers], [], [], timeout)
            if not ready:
                raise subprocess.TimeoutExpired("oodml", timeout)
            self.returncode = os.waitstatus_to_exitcode(int(self._answers.readline()))
        return self.returncode

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def communicate(self, timeout: float) -> tuple[bytes, None]:
        self.wait(timeout)
        return self._output.read_bytes(), None


def ended(process: subprocess.Popen[bytes] | Forked) -> str:
    """What a process printed, once it has ended."""
    return process.communicate(timeout=200)[0].decode()


def wait_until(true: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert process.poll() is None, ended(process)
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)


def session(leader: int) -> list[int]:
    """Processes that a process started with ``start`` has left running, itself included."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] not in "ZX":
            found.append(int(folder.name))
    return found


def wait_for_the_end_of(leader: int) -> None:
    deadline = time.monotonic() + 30
    while session(leader):
        assert time.monotonic() < deadline, f"still there: {session(leader)}"
        time.sleep(0.01)


def leftovers(*folders: Path) -> list[Path]:
    """Temporary files, leases, checkpoints and unfinished feature folders."""
    found = [path for folder in folders for path in folder.rglob("*")]
    return [
        path
        for path in found
        if path.name.endswith((".tmp", ".partial")) or path.parent.name in ("leases", "checkpoints")
    ]
