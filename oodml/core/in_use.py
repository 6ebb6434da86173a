"""Telling other processes that a file is being used, so that nobody cleans it away.

A shared lock on the file itself: any number may hold it, and the system lets go of it when its holder ends,
however it ends. Where the system has no such locks, nothing is marked.
"""

from __future__ import annotations

import os
import weakref
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows refuses to delete a file that is mapped
    fcntl = None  # type: ignore[assignment]


def mark_in_use(path: Path, user: Any) -> None:
    """``path`` is in use until ``user`` (an object that can be weakly referenced) is gone."""
    if fcntl is None:
        return
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)  # waits for a cleaner's look, a moment
    except OSError:  # a file system without locks
        os.close(handle)
        return
    weakref.finalize(user, os.close, handle)


def is_in_use(path: Path) -> bool:
    """Whether a process that lives, this one included, has marked ``path``."""
    if fcntl is None:
        return False
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False
