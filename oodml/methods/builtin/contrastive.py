"""Contrastive loss."""

from typing import Any

from torch import nn

from oodml.core.parameters import Parameter
from oodml.methods.miners.mined import DistanceMined
from oodml.methods.registry import register_method
from oodml.methods.step import Dims
from oodml.methods.terms.contrastive import ContrastiveLoss


@register_method("contrastive")
class Contrastive(DistanceMined):
    """Positive pairs are pulled together, negative pairs apart up to a margin.

    Distances of unit embeddings, not squared, averaged over pairs of either kind, inactive ones
    included. Pairs are those of distance-weighted triplets, or ``pairs = "all"`` of the batch.
    """

    family = "pairs and triplets"
    source = "Hadsell, Chopra, LeCun, CVPR 2006; form and values of Roth et al., ICML 2020"
    formula = (
        "mean_{a,p} max(0, d(a,p) - positive_margin) + mean_{a,n} max(0, negative_margin - "
        "d(a,n)), d of unit rows"
    )

    positive_margin = Parameter(
        0.0, "positive pairs nearer than it are left", minimum=0.0, search=(0.0, 0.5)
    )
    negative_margin = Parameter(
        1.0, "negative pairs farther than it are left", minimum=0.0, search=(0.3, 1.4)
    )
    pairs = Parameter(
        "distance-weighted", "which pairs are seen", choices=("distance-weighted", "all")
    )

    def loss(self, dims: Dims) -> nn.Module:
        return ContrastiveLoss(self.positive_margin, self.negative_margin)

    def miner(self) -> Any:
        return None if self.pairs == "all" else super().miner()
