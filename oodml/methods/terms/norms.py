"""Terms on the norms of embeddings."""

from __future__ import annotations

from torch import Tensor

from oodml.methods.step import Step
from oodml.methods.term import Term
from oodml.methods.terms.spherical import SphericalConstraint


class SphericalTerm(Term):
    """The spherical constraint on the embeddings of a step, all views together."""

    def __init__(self, weight: float, momentum: float) -> None:
        super().__init__()
        self.constraint = SphericalConstraint(weight, momentum)

    def forward(self, step: Step) -> Tensor:
        penalty: Tensor = self.constraint(step.embedding)
        return penalty


class SquaredNormTerm(Term):
    """weight * mean_i ||f_i||^2: pulls norms towards 0, SEC's reference "L2-reg"."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, step: Step) -> Tensor:
        return self.weight * step.embedding.square().sum(dim=1).mean()
