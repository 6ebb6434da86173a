"""Only regular files are read: opening a pipe waits for ever, a device may never end."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from oodml.core.errors import DataError, OodmlError

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def irregular(path: Path) -> str | None:
    """Why ``path`` is no file to read (``"a named pipe, expected a regular file"``), or None.

    Links are followed. A path that cannot even be looked at (no permission, a circle of links)
    gives the system's words.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return "no such file"
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        return f"cannot be read ({getattr(error, 'strerror', None) or error})"
    if stat.S_ISREG(mode):
        return None
    return f"{_KINDS.get(stat.S_IFMT(mode), 'no file')}, expected a regular file"


def check_regular_file(
    path: Path, what: str = "", error: type[OodmlError] = DataError, todo: str = ""
) -> None:
    """Raise ``error`` unless ``path`` is a regular file. Call it before opening what a user names.

    Args:
        path: a file the user gave; links are followed.
        what: the option or field that named it (``--table``), put before the path.
        error: UsageError where a command line or spec named the file.
        todo: what to do about it, added after a semicolon.
    """
    reason = irregular(path)
    if reason is not None:
        shown = f"{what} {path}" if what else str(path)
        raise error(f"{shown}: {reason}{f'; {todo}' if todo else ''}")
