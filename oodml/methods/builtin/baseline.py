"""The baseline of Adapted Deep Embeddings: a network that sees nothing but the support set."""

from typing import ClassVar

from oodml.methods.adaptation import Adaptation
from oodml.methods.adapted import PAPER, AdaptedMethod
from oodml.methods.batches.balanced import Balanced
from oodml.methods.builtin.classification import Classification
from oodml.methods.registry import register_method


@register_method("baseline")
class Baseline(AdaptedMethod, Classification):
    """All weights drawn anew for every support set, the trunk's too, and a softmax trained on it.

    Nothing is learned from the training classes: what is not adapted is an untrained network. On
    cached features the backbone stays what it is, and only the head is from scratch.
    """

    version = 1
    family = "adapted to a support set"
    source = f"baseline in {PAPER}"
    formula = "-log softmax(W relu(f(x)) + b)[y], on the support alone"
    learns_from_source: ClassVar[bool] = False

    rectify = True

    def adaptation(self) -> Adaptation:
        return self.adapting(predictor="classifier", batches=Balanced(), fresh=True)
