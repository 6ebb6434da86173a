"""Mining that keeps the embedding's spectrum from collapsing."""

from __future__ import annotations

import torch
from torch import Tensor

from oodml.core.errors import UsageError
from oodml.methods.miners.distance_weighted import DistanceWeighted, Triplets


class RhoRegularised:
    """Distance-weighted triplets, of which a share pushes items of one class apart.

    With probability p, for each anchor by itself, the triplet (a, p, n) is replaced by (a, a, p):
    its negative is the positive that was drawn, another item of the anchor's class, and its positive
    is the anchor itself, at distance 0. So the pair of one class is a negative pair and nothing is
    pulled. This is what the released code does; the paper says that negatives are switched for
    samples of the anchor's class with probability p ("cp" in the code).

    Unlike the released code, an anchor without a negative of another class gets no triplet, as in
    `DistanceWeighted`.

    Source: Roth et al., Revisiting Training Strategies and Generalization Performance in Deep Metric
    Learning, ICML 2020, section on rho-regularisation.

    Args:
        probability: p, in [0, 1].
        lower, upper: as `DistanceWeighted`.

    Raises:
        UsageError: a probability outside [0, 1], or cutoffs that `DistanceWeighted` refuses.
    """

    def __init__(self, probability: float, lower: float = 0.5, upper: float = 1.4) -> None:
        if not 0 <= probability <= 1:
            raise UsageError(
                f"RhoRegularised probability: expected a share from 0 to 1, got {probability}"
            )
        self.probability = probability
        self.distance_weighted = DistanceWeighted(lower, upper)

    @torch.no_grad()
    def __call__(self, unit_embeddings: Tensor, labels: Tensor) -> Triplets:
        """Rows [n, D] and labels [n] -> anchors, positives and negatives, int64 [t] each."""
        anchors, positives, negatives = self.distance_weighted(unit_embeddings, labels)
        switched = torch.rand(len(anchors), device=anchors.device) < self.probability
        negatives = torch.where(switched, positives, negatives)
        return anchors, torch.where(switched, anchors, positives), negatives
