"""Paths as users give them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from oodml.core.errors import DataError, UsageError

PathLike = str | os.PathLike[str]


def as_path(given: Any, what: str = "path") -> Path:
    """A Path from text or anything path-like; UsageError for what is neither."""
    try:
        return Path(given)
    except TypeError:
        raise UsageError(f"{what}: expected a path as text or Path, got {given!r:.60}") from None


def check_readable(path: Path) -> Path:
    """The path, or DataError where no regular file stands there: a folder, a pipe, nothing."""
    if path.is_file():
        return path
    if not path.exists():
        raise DataError(f"{path}: no such file")
    kind = "a folder" if path.is_dir() else "no regular file"
    raise DataError(f"{path}: {kind}, expected a file")
