"""Quadruplet loss."""

from typing import Any

from torch import nn

from oodml.core.parameters import Parameter
from oodml.methods.miners.mined import DistanceMined
from oodml.methods.miners.quadruplets import WithFourth
from oodml.methods.registry import register_method
from oodml.methods.step import Dims
from oodml.methods.terms.quadruplet import QuadrupletLoss


@register_method("quadruplet")
class Quadruplet(DistanceMined):
    """A positive pair is nearer than its anchor's negative, and than two items of other classes.

    Triplets are distance-weighted; the fourth item is of a third class, any of them alike. Chen et
    al. use margins 1 and 0.5 on learned distances; the defaults are Roth et al.'s on unit rows.
    """

    family = "pairs and triplets"
    source = "Chen et al., Beyond Triplet Loss, CVPR 2017; form and values of Roth et al., 2020"
    formula = (
        "mean_t max(0, d(a,p) - d(a,n) + margin) + mean_t max(0, d(a,p) - d(n,m) + "
        "second_margin), d of unit rows, a, n, m of three classes"
    )

    margin = Parameter(0.2, "to the anchor's negative", minimum=0.0, search=(0.05, 1.0))
    second_margin = Parameter(0.2, "to the two others", minimum=0.0, search=(0.05, 1.0))

    def loss(self, dims: Dims) -> nn.Module:
        return QuadrupletLoss(self.margin, self.second_margin)

    def miner(self) -> Any:
        return WithFourth(super().miner())
