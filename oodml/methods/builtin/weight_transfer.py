"""Weight transfer: train a classifier on the source, fine-tune it on the support set."""

from oodml.methods.adaptation import Adaptation
from oodml.methods.adapted import PAPER, TransferMethod
from oodml.methods.batches.balanced import Balanced
from oodml.methods.builtin.classification import Classification
from oodml.methods.registry import register_method


@register_method("weight-transfer")
class WeightTransfer(TransferMethod, Classification):
    """Softmax on the training classes, then all weights and a new softmax head on the support.

    A ReLU stands between the embedding and each classifier. On the support every batch holds all
    classes, and adapting ends by the paper's rule on the accuracy on the support. The paper's
    learning rate on the support is that of the source, factor 1, as the presets have it.
    """

    version = 3
    family = "adapted to a support set"
    source = f"WeightAdapt in {PAPER}"
    formula = "-log softmax(W relu(f(x)) + b)[y], on the training classes, then on the support"

    adaptation_learning_rate_factor = TransferMethod.adaptation_learning_rate_factor.with_default(
        5.0
    )

    rectify = True

    def adaptation(self) -> Adaptation:
        return self.adapting(predictor="classifier", batches=Balanced())
