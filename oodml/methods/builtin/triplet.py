"""Triplet loss as in SEC, plain and under the spherical constraint."""

from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.reducers import MeanReducer

from oodml.core.parameters import Parameter
from oodml.methods.method import Objective, register_method
from oodml.methods.terms.pairs import SEC_SOURCE, PairMethod, PairObjective, SphericalPenalty


@register_method("triplet")
class Triplet(PairMethod):
    """Hinge on squared distances of unit embeddings over all triplets of the batch.

    mean over ALL triplets, inactive ones included, of max(0, d(a,p)^2 - d(a,n)^2 + margin).
    (The library's default divides by the active ones and does not square the distances.)
    """

    source = "SEC's released definition; Schroff et al., FaceNet, CVPR 2015"

    images_per_class = Parameter(3, "images of a class in a batch", minimum=2, search=(2, 8))
    margin = Parameter(1.0, "margin between squared distances", minimum=0.0, search=(0.05, 1.5))

    def objective(self, embedding_dim: int, num_classes: int) -> Objective:
        squared = LpDistance(normalize_embeddings=True, p=2, power=2)
        loss = TripletMarginLoss(margin=self.margin, distance=squared, reducer=MeanReducer())
        return PairObjective(loss, None, self.penalty())


@register_method("sec-triplet")
class SphericalTriplet(SphericalPenalty, Triplet):
    """Triplet loss + spherical embedding constraint."""

    source = SEC_SOURCE
