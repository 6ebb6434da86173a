"""Backbones by name: built-in ones, third-party ones, and any timm ``arch.tag``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

import oodml.features.backbones as _builtin
from oodml.core.errors import UsageError
from oodml.core.hashing import sha256_json
from oodml.core.registry import Registry
from oodml.features.preprocessing import Preprocessing

DEFAULT_BACKBONE = "tf_efficientnet_lite0"


@dataclass(frozen=True)
class Backbone:
    """An image (or vector) network that gives one feature row an item.

    Attributes:
        name: the registered name or timm's ``arch.tag``.
        module: maps float32 [B, C, H, W] (or [B, D] vectors) to features [B, dim].
        dim: length of a feature row.
        preprocessing: what images go through first; None for networks on given vectors.
        pretraining: the data its weights saw, for the reports.
    """

    name: str
    module: nn.Module
    dim: int
    preprocessing: Preprocessing | None
    pretraining: str

    def weights_sha256(self) -> str:
        """Hash of names, shapes and float bytes of every parameter and buffer."""
        return state_sha256(self.module)


BackboneFactory = Callable[[], Backbone]
_registry: Registry[BackboneFactory] = Registry("backbone")
register_backbone = _registry.register


def state_sha256(module: nn.Module) -> str:
    """sha256 (hex) over a module's state dict, independent of device."""
    import hashlib

    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        array = tensor.detach().cpu().contiguous()
        digest.update(sha256_json([name, str(array.dtype), list(array.shape)]).encode())
        digest.update(
            array.reshape(-1).view(torch.uint8).numpy().tobytes() if array.numel() else b""
        )
    return digest.hexdigest()


def create_backbone(name: str) -> Backbone:
    """Build a backbone: a registered name, else timm's ``arch.tag`` with its hub weights.

    Raises:
        UsageError: neither registered nor known to timm, or its weights cannot be loaded.
    """
    _load_builtin()
    if name in _registry:
        return _registry.get(name)()
    from oodml.features.backbones.timm_hub import create_timm_backbone, known_to_timm

    if known_to_timm(name):
        return create_timm_backbone(name)
    try:
        return _registry.get(name)()  # raises with near names
    except UsageError as error:
        raise UsageError(
            f"{error}; timm knows no such model either (timm.list_pretrained())"
        ) from None


def list_backbones() -> list[str]:
    """Registered backbones; every pretrained timm ``arch.tag`` can be named besides."""
    _load_builtin()
    return _registry.names()


def _load_builtin() -> None:
    for module in pkgutil.iter_modules(_builtin.__path__):
        importlib.import_module(f"{_builtin.__name__}.{module.name}")


def as_batch(rows: list[np.ndarray]) -> torch.Tensor:
    """Stack float32 arrays of one shape into a tensor [B, ...]."""
    return torch.from_numpy(np.stack(rows))
