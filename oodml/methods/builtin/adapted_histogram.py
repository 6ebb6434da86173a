"""Histogram-loss embedding, adapted to the support set by the same loss."""

from torch import nn

from oodml.core.parameters import Parameter
from oodml.methods.adaptation import Adaptation
from oodml.methods.adapted import PAPER, TransferMethod
from oodml.methods.batches.balanced import Balanced
from oodml.methods.method import LossMethod
from oodml.methods.registry import register_method
from oodml.methods.step import Dims
from oodml.methods.terms.histogram import HistogramLoss


@register_method("adapted-histogram")
class AdaptedHistogram(TransferMethod, LossMethod):
    """Histogram loss on the training classes, then on the support; cosine 1-NN decides.

    On the support every batch holds all classes, and adapting ends by the paper's rule on
    leave-one-out Recall@1 (cosine) among the support. With one shot there is no positive pair to
    adapt on: the unadapted embedding is scored.
    """

    version = 2
    family = "adapted to a support set"
    source = f"AdaptHistLoss in {PAPER}"
    formula = "sum_j p-_j sum_(i<=j) p+_i, densities of positive and negative cosines on a grid"

    bins = Parameter(201, "grid points on [-1, 1]", minimum=2, maximum=10_001, search=(51, 401))

    def loss(self, dims: Dims) -> nn.Module:
        return HistogramLoss(self.bins)

    def adaptation(self) -> Adaptation:
        return self.adapting(predictor="nearest", batches=Balanced(), minimum_shots=2)
