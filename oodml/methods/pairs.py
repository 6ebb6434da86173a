"""pytorch-metric-learning losses as objectives, optionally under the spherical constraint."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from oodml.methods.base import Objective
from oodml.methods.spherical import SphericalConstraint


class PairObjective(Objective):
    """loss(embeddings, labels, mined pairs) + penalty(embeddings).

    Args:
        loss: a pytorch-metric-learning loss; it normalises the embeddings itself.
        miner: a pytorch-metric-learning miner, or None for all pairs or triplets.
        penalty: a regulariser of the un-normalised embeddings, or None.
    """

    def __init__(
        self, loss: nn.Module, miner: Any = None, penalty: SphericalConstraint | None = None
    ) -> None:
        super().__init__()
        self.loss = loss
        self.miner = miner
        self.penalty = penalty

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        embeddings = embeddings.float()
        mined = self.miner(embeddings, labels) if self.miner is not None else None
        value: Tensor = self.loss(embeddings, labels, mined)
        return value if self.penalty is None else value + self.penalty(embeddings)
