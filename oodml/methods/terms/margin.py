"""The margin loss: a learned boundary between the distances of positive and negative pairs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from oodml.methods.miners.distance_weighted import Triplets
from oodml.methods.terms.pairs import active_mean, triplet_distances, unit_rows


class MarginLoss(nn.Module):
    """Margin loss of Wu et al., ICCV 2017, on mined triplets.

    Of a triplet (a, p, n) with distances d of unit embeddings and the boundary b of a's class,
    pos = max(0, d(a,p) - b + margin), neg = max(0, b - d(a,n) + margin); the loss is the sum of
    pos + neg (+ nu b) over the triplets in which pos or neg is positive / their number, as in the
    code of Roth et al., ICML 2020, and ooDML. Without such a triplet it is 0.

    Own code: the library divides by the number of active pairs (a triplet with two counts twice),
    and has no value where its miner finds nothing.

    Args:
        classes: boundaries, one a class.
        boundary: where they start.
        margin: half of the gap around a boundary.
        nu: weight of the boundaries in the sum.
        learned: whether boundaries are trained.
        learning_rate_factor: the boundaries', times that of the embedding.
    """

    boundaries: Tensor

    def __init__(
        self,
        classes: int,
        boundary: float = 1.2,
        margin: float = 0.2,
        *,
        nu: float = 0.0,
        learned: bool = True,
        learning_rate_factor: float = 50.0,
    ) -> None:
        super().__init__()
        self.margin = margin
        self.nu = nu
        self.learning_rate_factor = learning_rate_factor
        start = torch.full((classes,), float(boundary))
        if learned:
            self.boundaries = nn.Parameter(start)
        else:
            self.register_buffer("boundaries", start)

    def forward(self, embeddings: Tensor, labels: Tensor, triplets: Triplets) -> Tensor:
        """Embeddings [n, D], labels [n] and triplets, int64 [t] each -> scalar."""
        near, far = triplet_distances(unit_rows(embeddings), triplets)
        boundary = self.boundaries[labels[triplets[0]]]
        positive = F.relu(near - boundary + self.margin)
        negative = F.relu(boundary - far + self.margin)
        active = (positive > 0) | (negative > 0)
        return active_mean(positive + negative + self.nu * boundary * active, active)
