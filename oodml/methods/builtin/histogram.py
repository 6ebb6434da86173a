"""Histogram-loss embedding, as it is."""

from torch import nn

from oodml.core.parameters import Parameter
from oodml.methods.adaptation import Adaptation
from oodml.methods.method import LossMethod
from oodml.methods.registry import register_method
from oodml.methods.step import Dims
from oodml.methods.terms.histogram import HistogramLoss


@register_method("histogram")
class Histogram(LossMethod):
    """Probability that a random negative pair is more similar than a random positive pair.

    Cosines of all pairs of the batch, spread over bins. k-shot queries go to the nearest item of
    the support by cosine. Not adapted: see ``adapted-histogram``. Roth et al. use 65 bins on CUB
    and Cars, 11 on SOP.
    """

    family = "pairs and triplets"
    source = (
        "Ustinova and Lempitsky, Histogram Loss, NeurIPS 2016; values of Scott, Ridgeway, Mozer: "
        "Adapted Deep Embeddings, NeurIPS 2018"
    )
    formula = (
        "sum_j p-_j sum_{i <= j} p+_i, p+ and p- the histograms of positive and negative cosines, "
        "by triangular weights on a grid over [-1, 1]"
    )

    images_per_class = Parameter(4, "images of a class in a batch", minimum=2, search=(2, 8))
    bins = Parameter(201, "grid points on [-1, 1]", minimum=2, maximum=10_001, search=(51, 401))

    def loss(self, dims: Dims) -> nn.Module:
        return HistogramLoss(self.bins)

    def adaptation(self) -> Adaptation:
        return Adaptation(predictor="nearest", steps=0)
