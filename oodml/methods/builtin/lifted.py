"""Lifted structure loss."""

from torch import nn

from oodml.core.parameters import Parameter
from oodml.methods.method import LossMethod
from oodml.methods.registry import register_method
from oodml.methods.step import Dims
from oodml.methods.terms.lifted import LiftedLoss


@register_method("lifted")
class Lifted(LossMethod):
    """Each positive pair against all negatives of its two items, as a smooth maximum.

    Embeddings are not normalised, and their norms weakly penalised. ``generalised = true`` is the
    form of Hermans et al. over anchors, "GenLifted" of Roth et al., whose margin and weight of the
    norms are the defaults.
    """

    family = "pairs and triplets"
    source = (
        "Song et al., Lifted Structured Feature Embedding, CVPR 2016; generalised: Hermans, Beyer, "
        "Leibe, In Defense of the Triplet Loss, 2017; values of Roth et al., ICML 2020"
    )
    formula = (
        "sum_{(i,j) in P} max(0, log(sum_k exp(margin - d_ik) + sum_l exp(margin - d_jl)) + d_ij)^2 "
        "/ (2 |P|) + norm_weight mean ||f||; generalised: mean_a max(0, log sum_p exp(d_ap) + "
        "log sum_n exp(margin - d_an)) + norm_weight mean ||f||"
    )

    images_per_class = Parameter(2, "images of a class in a batch", minimum=2, search=(2, 8))
    margin = Parameter(1.0, "of negative distances", minimum=0.0, search=(0.2, 2.0))
    norm_weight = Parameter(0.005, "weight of the mean norm", minimum=0.0, search=(0.0, 0.05))
    generalised = Parameter(False, "over anchors instead of pairs")
    normalised = Parameter(False, "distances of unit embeddings")

    def loss(self, dims: Dims) -> nn.Module:
        return LiftedLoss(
            self.margin,
            self.norm_weight,
            generalised=self.generalised,
            normalised=self.normalised,
        )
