"""The model every method trains: a trunk (backbone or nothing) and a linear embedding head."""

from __future__ import annotations

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from oodml.training.settings import TrainingSettings
from oodml.training.sources import ItemSource


class Embedder(nn.Module):
    """trunk -> linear head; embeddings leave un-normalised.

    Args:
        trunk: the backbone in mode "network"; nn.Identity() on cached features.
        feature_dim: what the trunk gives.
        embedding_dim: what the head gives.
        freeze_batch_norm: keep the trunk's batch norm statistics and parameters as they are.
    """

    def __init__(
        self, trunk: nn.Module, feature_dim: int, embedding_dim: int, freeze_batch_norm: bool = True
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Linear(feature_dim, embedding_dim)
        self._freeze_batch_norm = freeze_batch_norm

    def forward(self, inputs: Tensor) -> Tensor:
        output: Tensor = self.head(self.trunk(inputs))
        return output

    def train(self, mode: bool = True) -> Embedder:
        super().train(mode)
        if mode and self._freeze_batch_norm:
            for module in self._batch_norms():
                module.eval()
        return self

    def parameter_groups(
        self, settings: TrainingSettings, learning_rate_factor: float
    ) -> list[dict[str, object]]:
        """Optimiser groups: head at the learning rate, trunk at the backbone's, frozen parts out."""
        frozen = {
            id(parameter)
            for module in (self._batch_norms() if self._freeze_batch_norm else [])
            for parameter in module.parameters()
        }
        trunk = [p for p in self.trunk.parameters() if id(p) not in frozen]
        groups: list[dict[str, object]] = [
            {
                "params": list(self.head.parameters()),
                "lr": settings.learning_rate * learning_rate_factor,
            }
        ]
        if trunk:
            lr = settings.backbone_learning_rate * learning_rate_factor
            groups.append({"params": trunk, "lr": lr})
        return groups

    def _batch_norms(self) -> list[nn.Module]:
        return [module for module in self.trunk.modules() if isinstance(module, _BatchNorm)]


def embed(
    embedder: nn.Module, source: ItemSource, indices: NDArray[np.int64], fabric: Fabric
) -> NDArray[np.float32]:
    """Embeddings float32 [n, d] of the items, un-augmented, in evaluation mode."""
    was_training = embedder.training
    embedder.eval()
    blocks = []
    with torch.inference_mode(), fabric.autocast():
        for inputs in source.evaluation_batches(indices):
            blocks.append(embedder(fabric.to_device(inputs)).float().cpu().numpy())
    embedder.train(was_training)
    return np.concatenate(blocks) if blocks else np.zeros((0, 0), dtype=np.float32)
