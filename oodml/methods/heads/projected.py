"""An embedding and a projection of it that only the loss sees."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class ProjectedHead(nn.Module):
    """features -> embedding (linear); relu(embedding) -> two-layer projection.

    Gives "embedding" [n, D] and "projection" [n, P].
    """

    def __init__(self, features: int, embedding: int, projection: int) -> None:
        super().__init__()
        self.embedding = nn.Linear(features, embedding)
        self.hidden = nn.Linear(embedding, embedding)
        self.projection = nn.Linear(embedding, projection)

    @property
    def input_layers(self) -> list[nn.Linear]:
        """The layers that read the features."""
        return [self.embedding]

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        embedding = self.embedding(features)
        hidden = F.relu(self.hidden(F.relu(embedding)))
        return {"embedding": embedding, "projection": self.projection(hidden)}
