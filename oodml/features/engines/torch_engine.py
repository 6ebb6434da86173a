"""PyTorch as it is, with images kept channels-last: the engine that runs everything everywhere."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from oodml.features.engines.engine import Engine, register_engine
from oodml.features.engines.precision import fabric_of


@register_engine("torch")
class TorchEngine(Engine):
    """PyTorch, channels-last: CPUs and GPUs, any precision.

    Convolutions on CPUs and tensor cores work on this layout; kept in it from the start, nothing
    is turned around between two layers.
    """

    def __init__(
        self, module: nn.Module, example: Tensor, device: torch.device, precision: str
    ) -> None:
        self._fabric = fabric_of(device.type, precision)
        copied = copy.deepcopy(module).eval().requires_grad_(False)
        placed: Any = self._fabric.to_device(copied)  # torch's types know no memory_format here
        # only four-dimensional weights have this layout; others stay as they are
        self._module: nn.Module = placed.to(memory_format=torch.channels_last)

    def run(self, batch: Tensor) -> Tensor:
        if batch.ndim == 4:
            batch = batch.contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), self._fabric.autocast():
            output: Tensor = self.forward(self._fabric.to_device(batch))
        return output.float().cpu()

    def forward(self, batch: Tensor) -> Tensor:
        """The network on its device."""
        output: Tensor = self._module(batch)
        return output
