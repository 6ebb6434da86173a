"""One thing that oodml keeps on disk and may delete."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from oodml.core.in_use import is_in_use

FREED = "freed"


@dataclass(frozen=True)
class CacheEntry:
    """A file or folder that oodml keeps.

    Attributes:
        kind: "rendered", "resized images", "features", the latter two also "unfinished ...", "left
            over" or "added data".
        dataset: the data set it belongs to; "" where none is known.
        name: what it is within that, for people.
        path: the file or folder.
        bytes: its size.
        used: when it was last used or made, seconds since the epoch.
        useless: nothing on this machine can use it as it is.
        keep: it cannot be made again.
        watched: the file that users of it mark (``mark_in_use``), or None.
        lock: the lock file of those that make it, or None; one that is at work is left alone.
    """

    kind: str
    dataset: str
    name: str
    path: Path
    bytes: int
    used: float
    useless: bool = False
    keep: bool = False
    watched: Path | None = None
    lock: Path | None = None

    @property
    def days(self) -> float:
        """Days since it was last used."""
        return max(0.0, (time.time() - self.used) / 86400)

    def in_use(self) -> bool:
        return self.watched is not None and is_in_use(self.watched)

    def remove(self) -> str:
        """Delete it: ``freed``, or why not: ``kept``, ``in use``, ``cannot be deleted``."""
        if self.keep:
            return "kept"
        try:
            with FileLock(self.lock, timeout=0) if self.lock else nullcontext():
                if self.in_use():
                    return "in use"
                _delete(self.path)
        except Timeout:
            return "in use"
        except OSError:  # the lock cannot be made: nothing here can be written
            return "cannot be deleted"
        return "cannot be deleted" if self.path.exists() else FREED


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def last_used(path: Path) -> float:
    """When ``note_use`` was last called for a file, or it was written; 0 for one that is gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def note_use(path: Path) -> None:
    """Remember that a cached file was used now; a cache that cannot be written is used as it is."""
    with suppress(OSError):
        os.utime(path)
