"""The signal-to-noise ratio loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from oodml.methods.miners.distance_weighted import Triplets
from oodml.methods.terms.pairs import active_mean, unit_rows


class SignalToNoiseLoss(nn.Module):
    """Triplet loss on signal-to-noise distances s(a,x) = var(a - x) / var(a), variances over the
    dimensions of unit embeddings: sum_t max(0, s(a,p) - s(a,n) + margin) / #{active}
    + weight * mean_t |sum_d a_d|. 0 without a triplet.

    Yuan et al., CVPR 2019, in the form of Roth et al., ICML 2020. An anchor of variance below the
    machine's epsilon counts as having it.

    Own code: the library has the distance, between all pairs and all dimensions at once, and
    divides by 0 for a constant row.
    """

    def __init__(self, margin: float = 0.2, weight: float = 0.005) -> None:
        super().__init__()
        self.margin = margin
        self.weight = weight

    def forward(self, embeddings: Tensor, labels: Tensor, triplets: Triplets) -> Tensor:
        """Embeddings [n, D], labels [n] and triplets, int64 [t] each -> scalar."""
        anchors, positives, negatives = (unit_rows(embeddings)[index] for index in triplets)
        signal = _variance(anchors).clamp(min=torch.finfo(anchors.dtype).eps)
        near = _variance(anchors - positives) / signal
        far = _variance(anchors - negatives) / signal
        hinge = F.relu(near - far + self.margin)
        off_centre = anchors.sum(dim=1).abs().sum() / max(len(anchors), 1)
        return active_mean(hinge, hinge > 0) + self.weight * off_centre


def _variance(rows: Tensor) -> Tensor:
    # torch's own warns of no rows
    return (rows - rows.mean(dim=1, keepdim=True)).square().mean(dim=1)
