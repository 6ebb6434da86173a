"""Paths as users give them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from oodml.core.errors import UsageError

PathLike = str | os.PathLike[str]


def as_path(given: Any, what: str = "path") -> Path:
    """A Path from text or anything path-like; UsageError for what is neither."""
    try:
        return Path(given)
    except TypeError:
        raise UsageError(f"{what}: expected a path as text or Path, got {given!r:.60}") from None
