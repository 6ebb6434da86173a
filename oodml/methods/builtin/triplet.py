"""Triplet loss as in SEC."""

from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.reducers import MeanReducer
from torch import nn

from oodml.core.parameters import Parameter
from oodml.methods.method import LossMethod
from oodml.methods.registry import register_method
from oodml.methods.step import Dims


@register_method("triplet")
class Triplet(LossMethod):
    """Hinge on squared distances of unit embeddings over all triplets of the batch.

    mean over ALL triplets, inactive ones included, of max(0, d(a,p)^2 - d(a,n)^2 + margin).
    (The library's default divides by the active ones and does not square the distances.)
    """

    source = "SEC's released definition; Schroff et al., FaceNet, CVPR 2015"

    images_per_class = Parameter(3, "images of a class in a batch", minimum=2, search=(2, 8))
    margin = Parameter(1.0, "margin between squared distances", minimum=0.0, search=(0.05, 1.5))

    def loss(self, dims: Dims) -> nn.Module:
        squared = LpDistance(normalize_embeddings=True, p=2, power=2)
        loss: nn.Module = TripletMarginLoss(
            margin=self.margin, distance=squared, reducer=MeanReducer()
        )
        return loss
