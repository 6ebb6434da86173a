"""Softmax classification of the training classes."""

from typing import ClassVar

from torch import nn

from oodml.methods.method import LossMethod
from oodml.methods.rates import own_rate
from oodml.methods.registry import register_method
from oodml.methods.step import Dims
from oodml.methods.terms.softmax import SoftmaxLoss


@register_method("classification")
class Classification(LossMethod):
    """Cross-entropy over the training classes; the layer below the classifier is the embedding."""

    family = "proxies and classification"
    source = "plain softmax classification, the oldest way to an embedding; no paper's values"
    formula = "L = mean_i -log softmax(W x_i + b)_y"
    version = 2

    classifier_learning_rate_factor = own_rate(100.0, "classifier")

    rectify: ClassVar[bool] = False  # a ReLU before the classifier

    def loss(self, dims: Dims) -> nn.Module:
        return SoftmaxLoss(
            dims.embedding,
            dims.classes,
            learning_rate_factor=self.classifier_learning_rate_factor,
            rectify=self.rectify,
        )
