"""PyTorch with kernels compiled for the network: for long extractions on GPUs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from oodml.features.engines.engine import EngineUnfit, register_engine
from oodml.features.engines.torch_engine import TorchEngine


@register_engine("torch-compile")
class TorchCompileEngine(TorchEngine):
    """PyTorch, compiled: slow to start, faster than torch from some thousand images on."""

    def __init__(
        self, module: nn.Module, example: Tensor, device: torch.device, precision: str
    ) -> None:
        super().__init__(module, example, device, precision)
        # one compilation serves every batch size: the last batch is mostly a smaller one
        self._compiled = torch.compile(self._module, dynamic=True)
        try:
            self.run(example)
        except Exception as error:  # compilers' errors have no common base
            first = (str(error).strip().splitlines() or [""])[0]
            raise EngineUnfit(f"torch.compile failed ({type(error).__name__}: {first})") from error

    def forward(self, batch: Tensor) -> Tensor:
        output: Tensor = self._compiled(batch)
        return output
