"""Backbone: the recipe of a network that gives features. Nothing is built until it is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from oodml.core.errors import UsageError
from oodml.core.hashing import sha256_json
from oodml.features.preprocessing import Preprocessing


@dataclass(frozen=True)
class Backbone:
    """An image (or vector) network that gives one feature row an item.

    Attributes:
        name: the registered name or timm's ``arch.tag``.
        dim: length of a feature row; 0 for that of the given vectors.
        preprocessing: what images go through first; None for networks on given vectors.
        pretraining: the data its weights saw, for the reports.
        build: makes the network with its weights, a new one each time: float32 [B, C, H, W] (or
            vectors [B, D]) to features [B, dim], in evaluation mode. It may offer its feature maps
            too, see ``maps_and_features``.
        needs: raises OodmlError where a package or file that ``build`` takes is missing.
        inputs: of a network on vectors, how long they are; 0 for any length.
    """

    name: str
    dim: int
    preprocessing: Preprocessing | None
    pretraining: str
    build: Callable[[], nn.Module]
    needs: Callable[[], object] | None = None
    inputs: int = 0

    @property
    def is_network_on_vectors(self) -> bool:
        """Whether given vectors go through layers, instead of being the features themselves."""
        return self.preprocessing is None and self.dim > 0

    def check_vectors(self, length: int, whose: str) -> None:
        """UsageError where vectors of this length are not what the network takes."""
        if self.inputs and length != self.inputs:
            raise UsageError(
                f"backbone {self.name!r} takes vectors of {self.inputs} numbers; {whose} has {length}"
            )

    def check_installed(self) -> None:
        """OodmlError where what the network is built from is not there; nothing is built."""
        if self.needs is not None:
            self.needs()

    @cached_property
    def module(self) -> nn.Module:
        """The network, built the first time it is needed and kept."""
        return self.build()

    def weights_sha256(self) -> str:
        """Hash of names, shapes and float bytes of every parameter and buffer; builds it."""
        return state_sha256(self.module)


def state_sha256(module: nn.Module) -> str:
    """sha256 (hex) over a module's state dict, independent of device."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        array = tensor.detach().cpu().contiguous()
        digest.update(sha256_json([name, str(array.dtype), list(array.shape)]).encode())
        digest.update(
            array.reshape(-1).view(torch.uint8).numpy().tobytes() if array.numel() else b""
        )
    return digest.hexdigest()


def maps_and_features(module: nn.Module, images: Tensor, name: str = "") -> tuple[Tensor, Tensor]:
    """Feature maps [B, C, H, W] and features [B, dim], the latter bit for bit ``module(images)``.

    For methods that look at places in an image. The module offers two methods, as timm's
    convolutional networks do: ``forward_features(images)`` gives the maps, and
    ``forward_head(maps, pre_logits=True)`` the features out of them.

    Args:
        module: a built backbone.
        images: float32 [B, C, H, W], preprocessed.
        name: the backbone's, for the message.

    Raises:
        UsageError: the network has no maps (it is on vectors, or gives tokens).
    """
    features_of = getattr(module, "forward_features", None)
    head_of = getattr(module, "forward_head", None)
    shown = f"backbone {(name or type(module).__name__)!r}"
    if features_of is None or head_of is None:
        raise UsageError(f"{shown} offers no feature maps; use a convolutional one")
    maps = features_of(images)
    if maps.ndim != 4:
        raise UsageError(
            f"{shown} gives tokens {list(maps.shape)}, no feature maps; use a convolutional one"
        )
    features = head_of(maps, pre_logits=True)
    if str(getattr(module, "output_fmt", "NCHW")) == "NHWC":  # timm's Swin and its kin
        maps = maps.permute(0, 3, 1, 2)
    return maps, features
