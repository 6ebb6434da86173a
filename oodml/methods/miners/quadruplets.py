"""Quadruplets of a batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from oodml.methods.miners.distance_weighted import Triplets, draw_one

Quadruplets = tuple[Tensor, Tensor, Tensor, Tensor]


class WithFourth:
    """Triplets of another miner, and for each a fourth item of a class that is neither the anchor's
    nor the negative's, all such items alike; -1 where the batch has none.

    Chen et al., CVPR 2017. (In the code of Roth et al. the fourth may be of any class.)

    Args:
        miner: ``(embeddings, labels) -> (anchors, positives, negatives)``.
    """

    def __init__(self, miner: Callable[[Tensor, Tensor], Triplets]) -> None:
        self.miner = miner

    @torch.no_grad()
    def __call__(self, embeddings: Tensor, labels: Tensor) -> Quadruplets:
        """Rows [n, D] and labels [n] -> anchors, positives, negatives, fourths: int64 [t] each."""
        anchors, positives, negatives = self.miner(embeddings, labels)
        allowed = (labels != labels[anchors, None]) & (labels != labels[negatives, None])
        fourths = draw_one(torch.zeros(allowed.shape, device=labels.device), allowed)
        return anchors, positives, negatives, fourths.masked_fill(~allowed.any(dim=1), -1)
