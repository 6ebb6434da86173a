"""Temporary folders that do not outlive their process: a killed one's are swept by the next.

Beside each ``.NAME.xxxx`` folder lies ``.NAME.xxxx.lock``, locked by its owner. The system lets go of
the lock when the owner ends, however it ends, so a lock that can be taken means a dead owner; a
live one's folder is never touched.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

_LOCK = ".lock"
_MARK = ".tmp-"


@contextmanager
def workspace(folder: Path, name: str) -> Iterator[Path]:
    """A new empty folder below ``folder`` (made if missing); gone when the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    place, lock = _claim(folder, name)
    try:
        place.mkdir()
        yield place
    finally:
        _remove(place, Path(lock.lock_file))
        lock.release()


def abandoned(folder: Path) -> list[Path]:
    """Workspaces below ``folder`` whose owner has ended; sorted."""
    return [_of_lock(path) for path in _locks(folder) if _owner_is_dead(path)]


def is_workspace(path: Path) -> bool:
    """Whether a lock beside ``path`` says whose it is."""
    return path.with_name(path.name + _LOCK).exists()


def sweep(folder: Path, rescue: Callable[[Path], None] = lambda place: None) -> list[Path]:
    """Remove the workspaces of processes that were killed; returns those removed.

    Args:
        folder: below which they lie.
        rescue: given each before it is removed, to take out what must not be lost.
    """
    swept = []
    for path in _locks(folder):
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except (Timeout, OSError):
            continue  # its owner lives, or the folder is not ours to write
        try:
            place = _of_lock(path)
            was_there = place.is_dir()
            if was_there:
                rescue(place)
            if _remove(place, path) and was_there:
                swept.append(place)
        finally:
            lock.release()
    return swept


def _claim(folder: Path, name: str) -> tuple[Path, FileLock]:
    while True:
        place = folder / f".{name}{_MARK}{secrets.token_hex(6)}"
        lock = FileLock(place.with_name(place.name + _LOCK))
        with suppress(Timeout):
            lock.acquire(timeout=0)
            # A sweep may have taken and removed it between its making and its locking.
            if Path(lock.lock_file).exists():
                return place, lock
            lock.release()


def _locks(folder: Path) -> list[Path]:
    return sorted(folder.glob(f".*{_MARK}*{_LOCK}"))


def _of_lock(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(_LOCK))


def _owner_is_dead(path: Path) -> bool:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        return False
    lock.release()
    return True


def _remove(place: Path, lock_file: Path) -> bool:
    """A folder that cannot be removed now keeps its lock file, and is swept another time."""
    shutil.rmtree(place, ignore_errors=True)
    if place.exists():
        return False
    lock_file.unlink(missing_ok=True)
    return True
