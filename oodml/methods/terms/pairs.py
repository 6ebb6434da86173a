"""pytorch-metric-learning losses as objectives, optionally under the spherical constraint."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from oodml.core.parameters import Parameter
from oodml.methods.method import Method, Objective
from oodml.methods.terms.spherical import SphericalConstraint

SEC_SOURCE = "Zhang, Li, Zhang: Deep Metric Learning with Spherical Embedding, NeurIPS 2020"


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


class PairMethod(Method):
    """A method on pairs or triplets that may carry a regulariser of the embeddings' norms."""

    def penalty(self) -> SphericalConstraint | None:
        return None


class SphericalPenalty(Method):
    """Put before a PairMethod, adds the spherical constraint to it.

    Of the paper's weights only that of triplet on CUB, 1.0, is public; it is the default of all.
    """

    eta = Parameter(1.0, "weight of the constraint", minimum=0.0, search=(0.01, 10.0), log=True)
    rho = Parameter(
        1.0, "momentum of the mean norm, 1 = batch mean", minimum=1e-6, search=(0.01, 1.0)
    )

    def penalty(self) -> SphericalConstraint:
        return SphericalConstraint(self.eta, self.rho)
