"""The angular loss."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from oodml.methods.step import full_precision
from oodml.methods.terms.pairs import pair_masks, products, unit_rows, zero_of


class AngularLoss(nn.Module):
    """Angular loss of Wang et al., ICCV 2017, beside an N-pair loss.

    Over all ordered positive pairs (a, p) and all negatives n of a, with u the unit embeddings,

        angular = mean_{a,p} log(1 + sum_n exp(4 tan^2(angle) (u_a + u_p) . u_n
                                               - 2 (1 + tan^2(angle)) u_a . u_p)),
        npair = mean_{a,p} log(1 + sum_n exp(f_a . (f_n - f_p))),
        loss = weight angular + npair_weight npair + norm_weight mean_i ||f_i||.

    A batch without a positive or a negative has only the last. Roth et al., ICML 2020, draw one
    positive an anchor, which is the same at two images of a class, and cut npair's exponents at 50.

    Own code: the library has no N-pair part, does not make the negatives unit, and multiplies rows
    for each pair anew.
    """

    def __init__(
        self,
        degrees: float = 45.0,
        weight: float = 2.0,
        npair_weight: float = 1.0,
        norm_weight: float = 0.005,
    ) -> None:
        super().__init__()
        self.tangent = math.tan(math.radians(degrees)) ** 2
        self.weight = weight
        self.npair_weight = npair_weight
        self.norm_weight = norm_weight

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings [n, D] and labels [n] -> scalar."""
        rows = full_precision(embeddings)
        loss = self.norm_weight * torch.linalg.vector_norm(rows, dim=1).mean()
        positive, negative = pair_masks(labels)
        anchors, positives = torch.nonzero(positive, as_tuple=True)
        kept = negative[anchors]
        if not kept.any():
            return zero_of(rows) + loss
        unit = unit_rows(rows)
        cosines = products(unit)
        exponents = 4 * self.tangent * (cosines[anchors] + cosines[positives])
        exponents = exponents - 2 * (1 + self.tangent) * cosines[anchors, positives, None]
        loss = loss + self.weight * _mean_log_one_plus_sum(exponents, kept)
        if self.npair_weight:
            dots = products(rows)
            exponents = dots[anchors] - dots[anchors, positives, None]
            loss = loss + self.npair_weight * _mean_log_one_plus_sum(exponents, kept)
        return loss


def _mean_log_one_plus_sum(exponents: Tensor, kept: Tensor) -> Tensor:
    filled = exponents.masked_fill(~kept, -torch.inf)
    sums = torch.logsumexp(filled, dim=1)
    return torch.nn.functional.softplus(sums).mean()
