"""Lifted structure losses."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from oodml.methods.step import full_precision
from oodml.methods.terms.pairs import distances, pair_masks, unit_rows, zero_of


class LiftedLoss(nn.Module):
    """Lifted structure on Euclidean distances d, all pairs of the batch.

    Song et al., CVPR 2016, over the |P| unordered positive pairs:

        J_ij = log(sum_k exp(margin - d_ik) + sum_l exp(margin - d_jl)) + d_ij,
        loss = sum max(0, J_ij)^2 / (2 |P|), k and l the negatives of i and j;

    generalised, Hermans et al., 2017, over the anchors that have a positive:

        loss = mean_a max(0, log sum_p exp d_ap + log sum_n exp(margin - d_an)).

    To either norm_weight * mean_i ||f_i|| is added. A batch without a positive or a negative has no
    more than that.

    Own code: the library lists pairs of pairs, and counts anchors without a positive in the mean.
    """

    def __init__(
        self,
        margin: float = 1.0,
        norm_weight: float = 0.005,
        *,
        generalised: bool = False,
        normalised: bool = False,
    ) -> None:
        super().__init__()
        self.margin = margin
        self.norm_weight = norm_weight
        self.generalised = generalised
        self.normalised = normalised

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings [n, D] and labels [n] -> scalar."""
        rows = full_precision(embeddings)
        penalty = self.norm_weight * torch.linalg.vector_norm(rows, dim=1).mean()
        positive, negative = pair_masks(labels)
        if not positive.any() or not negative.any():
            return zero_of(rows) + penalty
        apart = distances(unit_rows(rows) if self.normalised else rows)
        # every anchor has a negative here: a batch of two classes leaves none without
        push = torch.logsumexp((self.margin - apart).masked_fill(~negative, -torch.inf), dim=1)
        per_item = self._per_anchor if self.generalised else self._per_pair
        return per_item(apart, positive, push) + penalty

    def _per_anchor(self, apart: Tensor, positive: Tensor, push: Tensor) -> Tensor:
        anchors = positive.any(dim=1)
        filled = apart[anchors].masked_fill(~positive[anchors], -torch.inf)
        return F.relu(torch.logsumexp(filled, dim=1) + push[anchors]).mean()

    def _per_pair(self, apart: Tensor, positive: Tensor, push: Tensor) -> Tensor:
        first, second = torch.nonzero(positive.triu(), as_tuple=True)
        lifted = torch.logaddexp(push[first], push[second]) + apart[first, second]
        return F.relu(lifted).square().mean() / 2
