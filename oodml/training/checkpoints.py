"""A training run's state on disk, so that an interrupted one continues at its last checkpoint."""

from __future__ import annotations

import hashlib
import io
import time
from pathlib import Path
from typing import Any

import torch

from oodml.core.files import atomic_path

_EVERY_S = 60.0
_MAGIC = b"oodml checkpoint 1\n"
_BEGIN = len(_MAGIC) + 32


def _begin(content: bytes) -> bytes:
    """What a file begins with: torch would read changed weights without a word."""
    return _MAGIC + hashlib.sha256(content).digest()


class Checkpoint:
    """Saves at most once a minute; loads with ``weights_only``; a torn or changed file counts as none.

    Args:
        path: the file, or None to keep nothing.
        identity: what the state belongs to; another identity's file is ignored.
    """

    def __init__(self, path: Path | None, identity: str) -> None:
        self._path = path
        self._identity = identity
        self._last = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        if self._path is None or not self._path.is_file():
            return None
        try:
            whole = self._path.read_bytes()
            begin, content = whole[:_BEGIN], whole[_BEGIN:]
            if begin != _begin(content):
                return None
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        except Exception:  # torch raises many kinds for a torn file; training starts over
            return None
        return (
            state if isinstance(state, dict) and state.get("identity") == self._identity else None
        )

    def due(self) -> bool:
        return self._path is not None and time.monotonic() - self._last >= _EVERY_S

    def save(self, state: dict[str, Any]) -> None:
        if self._path is None:
            return
        buffer = io.BytesIO()
        torch.save({**state, "identity": self._identity}, buffer)
        content = buffer.getvalue()
        with atomic_path(self._path) as temporary:
            temporary.write_bytes(_begin(content) + content)
        self._last = time.monotonic()

    def remove(self) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)
