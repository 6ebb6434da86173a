"""A training run's state on disk, so that an interrupted one continues at its last checkpoint."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch

from oodml.core.files import atomic_path

_EVERY_S = 60.0


class Checkpoint:
    """Saves at most once a minute; loads with ``weights_only``; a torn file counts as none.

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
            state = torch.load(self._path, map_location="cpu", weights_only=True)
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
        with atomic_path(self._path) as temporary:
            torch.save({**state, "identity": self._identity}, temporary)
        self._last = time.monotonic()

    def remove(self) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)
