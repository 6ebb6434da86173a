"""Softmax classification of the training classes."""

from torch import nn

from oodml.methods.method import LossMethod
from oodml.methods.registry import register_method
from oodml.methods.step import Dims
from oodml.methods.terms.softmax import SoftmaxLoss


@register_method("classification")
class Classification(LossMethod):
    """Cross-entropy over the training classes; the layer below the classifier is the embedding."""

    source = "baseline in Roth et al., Revisiting Training Strategies (ICML 2020), as 'Softmax'"

    def loss(self, dims: Dims) -> nn.Module:
        return SoftmaxLoss(dims.embedding, dims.classes)
