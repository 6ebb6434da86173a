"""How much an archive may unpack to: what fits on the disk, and what its own size makes credible."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from oodml.core.errors import DataError
from oodml.core.sizes import readable_bytes

_KEEP_FREE = 512 * 1000**2  # or this share of a small disk:
_KEEP_SHARE = 0.02
_KEEP_FREE_FILES = 10_000
_MOST_MEMBERS = 10_000_000
# Photographs hardly compress; flat drawings as bitmaps may, a hundredfold.
_MOST_RATIO = 250
_RATIO_FREE = 1000**3


class Limits:
    """Counts what an archive unpacks, and refuses what is too much before it is written."""

    def __init__(self, archive: Path, target: Path) -> None:
        self._archive = archive
        self._target = target
        self._ratio_bound = max(_RATIO_FREE, _MOST_RATIO * archive.stat().st_size)
        self._members = 0
        self._bytes = 0

    def check_all(self, members: int, total: int) -> None:
        """Check a table of contents, before anything is unpacked."""
        self._check(members, total, members, total)

    def admit(self, size: int) -> None:
        """Count one more member of ``size`` declared bytes; DataError where it is too much."""
        if size < 0:
            raise DataError(f"{self._archive}: a member declares {size} bytes; refused")
        self._members += 1
        self._bytes += size
        self._check(self._members, self._bytes, 1, size)

    def _check(self, members: int, total: int, members_to_come: int, to_come: int) -> None:
        if members > _MOST_MEMBERS:
            raise DataError(f"{self._archive}: more than {_MOST_MEMBERS:,} files; refused")
        if total > self._ratio_bound:
            raise DataError(
                f"{self._archive}: unpacks to more than {_MOST_RATIO} times its size "
                f"({readable_bytes(total)}); refused. If it is no bomb, unpack it yourself and "
                "use --dir"
            )
        disk = shutil.disk_usage(self._target)
        free, keep = disk.free, int(min(_KEEP_FREE, _KEEP_SHARE * disk.total))
        if to_come > free - keep:
            raise DataError(
                f"{self._archive}: {readable_bytes(total)} do not fit: {readable_bytes(free)} are "
                f"free where it is unpacked, and {readable_bytes(keep)} must stay free; free "
                "some space or set OODML_HOME to a folder on another disk"
            )
        files = _free_files(self._target)
        if files is not None and members_to_come > files - _KEEP_FREE_FILES:
            raise DataError(
                f"{self._archive}: the disk can hold only {files:,} more files; remove some or set "
                "OODML_HOME to a folder on another disk"
            )


def _free_files(folder: Path) -> int | None:
    """How many more files the file system can hold, or None where it has no such bound."""
    if not hasattr(os, "statvfs"):
        return None
    found = os.statvfs(folder)
    return found.f_favail if found.f_files else None
