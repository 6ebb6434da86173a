"""Batch norm of the features below any head: SEC's head is this with a linear layer."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class BatchNormHead(nn.Module):
    """features [n, F] -> batch norm over the batch (torch's defaults) -> the head.

    It is part of the head: it trains where the trunk's batch norm is frozen.

    Args:
        features: F.
        head: what reads the normalised features and gives the outputs.
    """

    def __init__(self, features: int, head: nn.Module) -> None:
        super().__init__()
        self.input_norm = nn.BatchNorm1d(features)
        self.head = head

    @property
    def input_layers(self) -> list[nn.Linear]:
        """The layers that read the normalised features."""
        if isinstance(self.head, nn.Linear):
            return [self.head]
        return list(getattr(self.head, "input_layers", ()))

    def forward(self, features: Tensor) -> Any:
        return self.head(self.input_norm(features))
