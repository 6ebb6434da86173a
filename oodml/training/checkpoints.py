"""A training run's state on disk, so that an interrupted one continues at its last checkpoint."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from oodml.core.files import atomic_path
from oodml.training.state_tree import flatten, unflatten

_EVERY_S = 60.0


class Checkpoint:
    """Saves at most once a minute: a safetensors file with the rest of the state as JSON inside.

    A torn or changed file, one of another kind and one of another identity count as none.

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
            with safe_open(self._path, framework="pt") as file:
                about = file.metadata()
                # copies: the file may be replaced while they are in use
                tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
            if about["sha256"] != _digest(about["state"], tensors):
                return None
            state = unflatten(json.loads(about["state"]), tensors)
        except Exception:  # the library raises many kinds for a torn file; training starts over
            return None
        return (
            state if isinstance(state, dict) and state.get("identity") == self._identity else None
        )

    def due(self) -> bool:
        return self._path is not None and time.monotonic() - self._last >= _EVERY_S

    def save(self, state: dict[str, Any]) -> None:
        """Write nested state, see `oodml.training.state_tree.flatten`."""
        if self._path is None:
            return
        plain, tensors = flatten({**state, "identity": self._identity})
        text = json.dumps(plain)
        content = save(tensors, {"state": text, "sha256": _digest(text, tensors)})
        with atomic_path(self._path) as temporary:
            temporary.write_bytes(content)
        self._last = time.monotonic()

    def remove(self) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _digest(text: str, tensors: dict[str, Tensor]) -> str:
    """sha256 (hex) of everything in the file: the library would read changed weights without a word."""
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        if tensor.numel():
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
