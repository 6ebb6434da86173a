"""The model every method trains: a trunk (backbone or nothing) and the method's head."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from oodml.core.errors import UsageError
from oodml.features.backbone import maps_and_features
from oodml.methods import Dims, Method
from oodml.training.settings import TrainingSettings
from oodml.training.sources import ItemSource

Parts = Literal["all", "head"]


class Embedder(nn.Module):
    """trunk -> head; embeddings leave un-normalised.

    Args:
        trunk: the backbone in mode "network"; nn.Identity() on cached features.
        head: features [n, F] -> embedding [n, D], or a dictionary with "embedding" in it.
        feature_dim: F.
        embedding_dim: D.
        freeze_batch_norm: keep the trunk's batch norm statistics and parameters as they are.
        input_length: features are scaled to this length before the head; 0 leaves them.
    """

    def __init__(
        self,
        trunk: nn.Module,
        head: nn.Module,
        feature_dim: int,
        embedding_dim: int,
        freeze_batch_norm: bool = True,
        input_length: float = 0.0,
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = head
        self.feature_dim = feature_dim
        self.embedding_dim = embedding_dim
        self.input_length = input_length
        self._freeze_batch_norm = freeze_batch_norm

    @classmethod
    def of(
        cls,
        method: Method,
        trunk: nn.Module,
        dims: Dims,
        settings: TrainingSettings | None = None,
    ) -> Embedder:
        """With the method's head; its weights come from torch's generator as it stands."""
        head = method.whole_head(dims)
        if settings is None:
            return cls(trunk, head, dims.features, dims.embedding)
        return cls(
            trunk,
            head,
            dims.features,
            dims.embedding,
            settings.freeze_batch_norm,
            settings.input_length,
        )

    @property
    def trains_trunk(self) -> bool:
        """Whether there is a network below the head."""
        return not isinstance(self.trunk, nn.Identity)

    def dims(self, classes: int) -> Dims:
        """The sizes a method's terms are built for."""
        return Dims(self.feature_dim, self.embedding_dim, classes)

    def forward(self, inputs: Tensor) -> Tensor:
        """Embeddings [n, D] of inputs [n, ...]."""
        return self.heads_of(self.features_of(inputs, maps=False)[0])["embedding"]

    def features_of(self, inputs: Tensor, *, maps: bool) -> tuple[Tensor, Tensor | None]:
        """(features [n, F], feature maps [n, C, h, w] or None where they are not asked for)."""
        if maps:
            found, features = maps_and_features(self.trunk, inputs)
        else:
            found, features = None, self.trunk(inputs)
        if self.input_length:
            features = scaled_rows(features, self.input_length)
        return features, found

    def heads_of(self, features: Tensor) -> dict[str, Tensor]:
        """What the head gives, by name; a plain tensor is the embedding."""
        output = self.head(features)
        heads = output if isinstance(output, dict) else {"embedding": output}
        if "embedding" not in heads:
            raise UsageError(f"head {type(self.head).__name__} gives no 'embedding'")
        return heads

    def train(self, mode: bool = True) -> Embedder:
        super().train(mode)
        if mode:
            for module in self.frozen_norms():
                module.eval()
        return self

    def frozen_norms(self) -> list[nn.Module]:
        """The trunk's batch norms that stay as they are."""
        return self._batch_norms() if self._freeze_batch_norm else []

    def trained_norms(self) -> list[nn.Module]:
        """The trunk's batch norms whose statistics and parameters move."""
        return [] if self._freeze_batch_norm else self._batch_norms()

    def _batch_norms(self) -> list[nn.Module]:
        return [module for module in self.trunk.modules() if isinstance(module, _BatchNorm)]


def scaled_rows(rows: Tensor, length: float) -> Tensor:
    """Rows [n, F] at that length; a zero row stays zero."""
    if rows.requires_grad:
        return length * nn.functional.normalize(rows, dim=1)
    # the same numbers with one matrix less: where the backbone is frozen this is a part of a step
    norms = torch.linalg.vector_norm(rows, dim=1, keepdim=True).clamp_min_(1e-12)
    return (rows / norms).mul_(length)


def embed(
    embedder: nn.Module, source: ItemSource, indices: NDArray[np.int64], fabric: Fabric
) -> NDArray[np.float32]:
    """Embeddings float32 [n, d] of the items, un-augmented, in evaluation mode."""
    # module by module: a trunk in evaluation mode below a head that trains must stay so
    modes = [(module, module.training) for module in embedder.modules()]
    embedder.eval()
    blocks = []
    with torch.inference_mode(), fabric.autocast():
        for inputs in source.evaluation_batches(indices):
            blocks.append(embedder(fabric.to_device(inputs)).float().cpu().numpy())
    for module, training in modes:
        module.training = training
    return np.concatenate(blocks) if blocks else np.zeros((0, 0), dtype=np.float32)
