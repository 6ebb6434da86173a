"""Triplet loss as in SEC."""

from torch import nn

from oodml.core.parameters import Parameter
from oodml.methods.method import LossMethod
from oodml.methods.registry import register_method
from oodml.methods.step import Dims
from oodml.methods.terms.triplets import AllTriplets


@register_method("triplet")
class Triplet(LossMethod):
    """Hinge on squared distances of unit embeddings over all triplets of the batch.

    mean over ALL triplets, inactive ones included, of max(0, d(a,p)^2 - d(a,n)^2 + margin).
    (pytorch-metric-learning's default divides by the active ones and does not square.)
    """

    family = "pairs and triplets"
    source = "SEC's released definition; Schroff et al., FaceNet, CVPR 2015"
    formula = "sum_{a,p,n} max(0, d(a,p)^2 - d(a,n)^2 + margin) / #{all triplets}, d of unit rows"

    images_per_class = Parameter(3, "images of a class in a batch", minimum=2, search=(2, 8))
    margin = Parameter(1.0, "margin between squared distances", minimum=0.0, search=(0.05, 1.5))

    def loss(self, dims: Dims) -> nn.Module:
        return AllTriplets(self.margin)
