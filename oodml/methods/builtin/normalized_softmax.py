"""Normalised softmax."""

from pytorch_metric_learning.losses import NormalizedSoftmaxLoss
from torch import nn

from oodml.core.parameters import Parameter
from oodml.methods.method import LossMethod
from oodml.methods.registry import register_method
from oodml.methods.step import Dims


@register_method("normalized-softmax")
class NormalizedSoftmax(LossMethod):
    """Cross-entropy of cosines to one proxy a class, divided by a temperature.

    The library's definition: embeddings and proxies are unit vectors, no bias.
    """

    source = "Zhai and Wu, BMVC 2019; 'Softmax' of Roth et al., ICML 2020, is this form"

    temperature = Parameter(
        0.05, "of the softmax over cosines", above=0.0, search=(0.02, 0.2), log=True
    )
    proxy_learning_rate_factor = Parameter(
        100.0,
        "times the learning rate, for the proxies",
        minimum=0.0,
        search=(1.0, 1000.0),
        log=True,
    )

    def loss(self, dims: Dims) -> nn.Module:
        loss: nn.Module = NormalizedSoftmaxLoss(
            dims.classes, dims.embedding, temperature=self.temperature
        )
        loss.learning_rate_factor = self.proxy_learning_rate_factor  # type: ignore[assignment]
        return loss
