"""Histogram-loss embedding, adapted to the support set by the same loss."""

from torch import nn

from oodml.core.parameters import Parameter
from oodml.methods.adaptation import Adaptation
from oodml.methods.method import LossMethod
from oodml.methods.registry import register_method
from oodml.methods.step import Dims
from oodml.methods.terms.histogram import HistogramLoss


@register_method("adapted-histogram")
class AdaptedHistogram(LossMethod):
    """Histogram loss on the training classes, then on the support; cosine 1-NN decides.

    With one shot there is no positive pair to adapt on: the unadapted embedding is scored.
    Adapts for a fixed number of steps, where the paper stops by a rule on the training score.
    """

    source = "AdaptHistLoss in Scott, Ridgeway, Mozer: Adapted Deep Embeddings, NeurIPS 2018"

    bins = Parameter(201, "grid points on [-1, 1]", minimum=2, maximum=10_001, search=(51, 401))
    adaptation_steps = Parameter(
        100, "updates on a support set", minimum=1, search=(20, 1000), log=True
    )
    adaptation_learning_rate_factor = Parameter(
        1.0,
        "times the training learning rate, on a support set",
        minimum=0.0,
        search=(0.1, 10.0),
        log=True,
    )

    def loss(self, dims: Dims) -> nn.Module:
        return HistogramLoss(self.bins)

    def adaptation(self) -> Adaptation:
        return Adaptation(
            predictor="nearest",
            steps=self.adaptation_steps,
            learning_rate_factor=self.adaptation_learning_rate_factor,
            minimum_shots=2,
        )
