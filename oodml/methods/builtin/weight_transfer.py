"""Weight transfer: train a classifier on the source, fine-tune it on the support set."""

from oodml.core.parameters import Parameter
from oodml.methods.adaptation import Adaptation
from oodml.methods.builtin.classification import Classification
from oodml.methods.registry import register_method


@register_method("weight-transfer")
class WeightTransfer(Classification):
    """Softmax on the training classes, then all weights and a new softmax head on the support.

    Adapts for a fixed number of steps, where the paper stops by a rule on the training score.
    """

    version = 2
    formula = "L = mean_i -log softmax(W relu(x_i) + b)_y"
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

    rectify = True

    def adaptation(self) -> Adaptation:
        return Adaptation(
            predictor="classifier",
            steps=self.adaptation_steps,
            learning_rate_factor=self.adaptation_learning_rate_factor,
        )
