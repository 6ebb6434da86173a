"""Weight transfer: train a classifier on the source, fine-tune it on the support set."""

from oodml.core.parameters import Parameter
from oodml.methods.method import Adaptation, Method, Objective, register_method
from oodml.methods.terms.softmax import SoftmaxObjective


@register_method("weight-transfer")
class WeightTransfer(Method):
    """Softmax on the training classes, then all weights and a new softmax head on the support."""

    source = "WeightAdapt in Scott, Ridgeway, Mozer: Adapted Deep Embeddings, NeurIPS 2018"

    adaptation_steps = Parameter(
        200, "updates on a support set", minimum=1, search=(20, 1000), log=True
    )
    adaptation_learning_rate_factor = Parameter(
        5.0,
        "times the training learning rate, on a support set",
        minimum=0.0,
        search=(0.1, 10.0),
        log=True,
    )

    def objective(self, embedding_dim: int, num_classes: int) -> Objective:
        return SoftmaxObjective(embedding_dim, num_classes, rectify=True)

    def adaptation(self) -> Adaptation:
        return Adaptation(
            self.objective,
            "classifier",
            self.adaptation_steps,
            self.adaptation_learning_rate_factor,
        )
