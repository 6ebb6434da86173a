"""Who this process is, so that another one on the same host can tell whether it still lives."""

from __future__ import annotations

import hashlib
import os
import socket
from functools import cache
from pathlib import Path


def host_name() -> str:
    """The host and, where there is one, the namespace in which process ids mean the same."""
    try:
        return f"{socket.gethostname()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def process_start(pid: int) -> str | None:
    """What tells a process from a later one of the same id; None where it has ended.

    "" where the system does not say; a process that has ended but was not yet collected counts as
    ended.
    """
    try:
        # the name, in parentheses, may hold anything
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):  # IndexError: it ended while it was read
        if Path("/proc/self/stat").exists():
            return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return ""


def process_mark() -> str:
    """This process in a few characters that may stand in a file's name; see :func:`mark_is_gone`."""
    pid = os.getpid()
    return f"{_host_mark()}-{pid}-{process_start(pid) or ''}"


def mark_is_gone(mark: str) -> bool | None:
    """Whether the process of a mark has ended; None where it ran on another host, or it is no mark."""
    host, _, rest = mark.partition("-")
    pid, _, start = rest.partition("-")
    if host != _host_mark() or not pid.isdigit():
        return None
    return process_start(int(pid)) != start


@cache
def _host_mark() -> str:
    return hashlib.sha256(host_name().encode()).hexdigest()[:6]
