"""The content of a spec as plain values: what no key of a spec can mean is refused here, by key."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from oodml.core.errors import UsageError
from oodml.core.values import LARGEST_INTEGER, shown

_DEEPEST = 20


def plain(raw: Any, at: tuple[str, ...] = ()) -> Any:
    """Lists for arrays and tuples, Python's numbers for NumPy's; other objects stay.

    Raises:
        UsageError: a number that is NaN, infinite or beyond 64 bits, a text with a null character,
            a key that is no text, or tables within tables without end; the message begins with the
            key.
    """
    if len(at) > _DEEPEST:
        raise UsageError(f"key {'.'.join(at[:3])}...: tables are nested too deeply")
    if isinstance(raw, np.generic | np.ndarray):
        raw = raw.tolist()
    if isinstance(raw, Mapping):
        for key in raw:
            if not isinstance(key, str):
                raise UsageError(f"{_key(at)}expected text as key, got {shown(key)}")
        return {key: plain(value, (*at, key)) for key, value in raw.items()}
    if isinstance(raw, list | tuple):
        return [plain(value, (*at, str(place))) for place, value in enumerate(raw)]
    if isinstance(raw, float) and not math.isfinite(raw):
        raise UsageError(f"{_key(at)}expected a finite number, got {shown(raw)}")
    if isinstance(raw, int) and abs(raw) > LARGEST_INTEGER:
        raise UsageError(f"{_key(at)}{shown(raw)} is too large a number")
    if isinstance(raw, str) and "\0" in raw:
        raise UsageError(f"{_key(at)}text with a null character, {shown(raw)}")
    return raw


def _key(at: tuple[str, ...]) -> str:
    return f"key {shown('.'.join(at))}: " if at else ""
