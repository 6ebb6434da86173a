"""Sizes for people."""

from __future__ import annotations

import os
from pathlib import Path


def readable_bytes(count: int) -> str:
    """``66.1 MB``: decimal units, as disks are sold and ``df -H`` counts."""
    if count < 1000:
        return f"{count} bytes"
    power = min(4, (len(str(count)) - 1) // 3)
    return f"{count / 1000**power:.1f} {'kMGT'[power - 1]}B"


def bytes_below(path: Path) -> int:
    """Sum of the sizes of a file, or of all files below a folder; links are not followed."""
    if not path.is_dir() or path.is_symlink():
        return _size(path)
    return sum(_size(Path(folder) / name) for folder, _, names in os.walk(path) for name in names)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:  # removed meanwhile
        return 0
