"""Triplets that ask for what classes share, or for what varies within a class."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from oodml.methods.miners.distance_weighted import DistanceWeighted, Triplets, draw_one
from oodml.methods.step import full_precision


class AcrossClasses:
    """One triplet an anchor of three different classes: (a, p, n) with y_a, y_p, y_n all different.

    The positive is any item of another class, all alike; the negative is drawn among the items of
    the remaining classes, weighted by its distance from the anchor as `DistanceWeighted` does.
    In batches of fewer than three classes there are none.

    Source: Milbich, Roth et al., DiVA, ECCV 2020, class-shared features. Its released code shuffles
    the batch's labels and mines as within classes, so that some of its triplets are of one class or
    of two.

    Args:
        lower, upper: as `DistanceWeighted`.
    """

    def __init__(self, lower: float = 0.5, upper: float = 1.4) -> None:
        self.distance_weighted = DistanceWeighted(lower, upper)

    @torch.no_grad()
    def __call__(self, embeddings: Tensor, labels: Tensor) -> Triplets:
        """Rows [n, D] and labels [n] -> anchors, positives and negatives, int64 [t] each."""
        unit = F.normalize(full_precision(embeddings), dim=1)
        other = labels[:, None] != labels[None, :]
        positives = draw_one(unit.new_zeros(other.shape), other)
        third = other & (labels[positives][:, None] != labels[None, :])
        negatives = draw_one(*self.distance_weighted.log_weights(unit, third))
        anchors = third.any(dim=1).nonzero()[:, 0]
        return anchors, positives[anchors], negatives[anchors]


class WithinClass:
    """One triplet an anchor of one class: (a, p, n) with y_a = y_p = y_n.

    Positive and negative are drawn uniformly, three different items where the class has as many.
    Of two items of a class the other is positive and negative at once: its distance is then drawn to
    the boundary of a margin loss. Anchors alone in their class get no triplet.

    Source: Milbich, Roth et al., DiVA, ECCV 2020, intra-class features. Its released code draws the
    three with replacement, so that an anchor may be its own positive or negative.
    """

    @torch.no_grad()
    def __call__(self, embeddings: Tensor, labels: Tensor) -> Triplets:
        """Rows [n, D] and labels [n] -> anchors, positives and negatives, int64 [t] each."""
        same = labels[:, None] == labels[None, :]
        others = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        alike = torch.zeros(others.shape, device=labels.device)
        positives = draw_one(alike, others)
        left = others.scatter(1, positives[:, None], False)
        negatives = draw_one(alike, torch.where(left.any(dim=1, keepdim=True), left, others))
        anchors = others.any(dim=1).nonzero()[:, 0]
        return anchors, positives[anchors], negatives[anchors]
