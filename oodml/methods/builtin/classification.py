"""Softmax classification of the training classes."""

from oodml.methods.method import Method, Objective, register_method
from oodml.methods.terms.softmax import SoftmaxObjective


@register_method("classification")
class Classification(Method):
    """Cross-entropy over the training classes; the layer below the classifier is the embedding."""

    source = "baseline in Roth et al., Revisiting Training Strategies (ICML 2020), as 'Softmax'"

    def objective(self, embedding_dim: int, num_classes: int) -> Objective:
        return SoftmaxObjective(embedding_dim, num_classes)
