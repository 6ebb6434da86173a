"""The contrastive loss."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from oodml.methods.miners.distance_weighted import Triplets
from oodml.methods.terms.pairs import distances, pair_masks, triplet_distances, unit_rows


class ContrastiveLoss(nn.Module):
    """mean over positive pairs of max(0, d - positive margin) + mean over negative pairs of
    max(0, negative margin - d), d of unit embeddings, not squared; inactive pairs count. A mean over
    no pair is 0.

    Hadsell, Chopra, LeCun, CVPR 2006, squares both; this is the form of Roth et al., ICML 2020.

    Own code: the library divides by the active pairs, and lists all pairs.
    """

    def __init__(self, positive_margin: float = 0.0, negative_margin: float = 1.0) -> None:
        super().__init__()
        self.positive_margin = positive_margin
        self.negative_margin = negative_margin

    def forward(
        self, embeddings: Tensor, labels: Tensor, triplets: Triplets | None = None
    ) -> Tensor:
        """Embeddings [n, D] and labels [n] -> scalar, over the pairs (a, p) and (a, n) of triplets,
        int64 [t] each, or over all pairs of the batch."""
        unit = unit_rows(embeddings)
        if triplets is None:
            all_distances = distances(unit)
            positive, negative = pair_masks(labels)
            near, far = all_distances[positive], all_distances[negative]
        else:
            near, far = triplet_distances(unit, triplets)
        pull = F.relu(near - self.positive_margin).sum() / max(len(near), 1)
        push = F.relu(self.negative_margin - far).sum() / max(len(far), 1)
        return pull + push
