"""Histogram-loss embedding, adapted to the support set by the same loss."""

from oodml.core.parameters import Parameter
from oodml.methods.method import Adaptation, Method, Objective, register_method
from oodml.methods.terms.histogram import HistogramObjective


@register_method("adapted-histogram")
class AdaptedHistogram(Method):
    """Histogram loss on the training classes, then on the support; cosine 1-NN decides.

    With one shot there is no positive pair to adapt on: the unadapted embedding is scored.
    """

    source = "AdaptHistLoss in Scott, Ridgeway, Mozer: Adapted Deep Embeddings, NeurIPS 2018"

    bins = Parameter(201, "grid points on [-1, 1]", minimum=2, search=(51, 401))
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

    def objective(self, embedding_dim: int, num_classes: int) -> Objective:
        return HistogramObjective(self.bins)

    def adaptation(self) -> Adaptation:
        return Adaptation(
            self.objective,
            "nearest",
            self.adaptation_steps,
            self.adaptation_learning_rate_factor,
            minimum_shots=2,
        )
