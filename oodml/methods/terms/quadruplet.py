"""The quadruplet loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from oodml.methods.miners.quadruplets import Quadruplets
from oodml.methods.terms.pairs import triplet_distances, unit_rows


class QuadrupletLoss(nn.Module):
    """mean_t max(0, d(a,p) - d(a,n) + margin) + mean_t max(0, d(a,p) - d(n,m) + second margin) over
    quadruplets (a, p, n, m), d of unit embeddings, not squared; inactive ones count. A fourth item
    of -1 is none: such a quadruplet has no second part and is not in its mean. A mean over none is 0.

    Chen et al., CVPR 2017, in the form of Roth et al., ICML 2020. The library has no such loss.
    """

    def __init__(self, margin: float = 0.2, second_margin: float = 0.2) -> None:
        super().__init__()
        self.margin = margin
        self.second_margin = second_margin

    def forward(self, embeddings: Tensor, labels: Tensor, mined: Quadruplets) -> Tensor:
        """Embeddings [n, D], labels [n], quadruplets int64 [t] each -> scalar."""
        unit = unit_rows(embeddings)
        anchors, positives, negatives, fourths = mined
        near, far = triplet_distances(unit, (anchors, positives, negatives))
        there = fourths >= 0
        between = unit[negatives[there]] - unit[fourths[there]]
        others = torch.linalg.vector_norm(between, dim=1)
        first = F.relu(near - far + self.margin).sum() / max(len(near), 1)
        second = F.relu(near[there] - others + self.second_margin).sum() / max(len(others), 1)
        return first + second
