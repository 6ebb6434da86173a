"""Normalised softmax."""

from __future__ import annotations

from pytorch_metric_learning.losses import NormalizedSoftmaxLoss
from torch import nn

from oodml.core.parameters import Parameter
from oodml.methods.method import LossMethod
from oodml.methods.rates import own_rate
from oodml.methods.registry import register_method
from oodml.methods.step import Dims
from oodml.methods.terms.proxies import PredictsByLogits, uniform_start


class PredictingNormalizedSoftmax(PredictsByLogits, NormalizedSoftmaxLoss):  # type: ignore[misc]
    """The library's loss, which is the paper's, with its classifier's answer."""


@register_method("normalized-softmax")
class NormalizedSoftmax(LossMethod):
    """Cross-entropy of cosines to one proxy a class, divided by a temperature.

    The library's definition: embeddings and proxies are unit vectors, no bias. Proxies begin as
    U(-1/sqrt(D), 1/sqrt(D)), as the authors' do (the library's are N(0, 1)).
    """

    family = "proxies and classification"
    source = "Zhai and Wu, BMVC 2019; 'Softmax' of Roth et al., ICML 2020, is this form"
    formula = "L = mean_i -log[e^(cos(x_i, w_y) / T) / sum_c e^(cos(x_i, w_c) / T)]"
    version = 2

    temperature = Parameter(
        0.05, "of the softmax over cosines", above=0.0, search=(0.02, 0.2), log=True
    )
    proxy_learning_rate_factor = own_rate(100.0, "proxies")

    def loss(self, dims: Dims) -> nn.Module:
        loss = PredictingNormalizedSoftmax(
            dims.classes,
            dims.embedding,
            temperature=self.temperature,
            weight_init_func=uniform_start(dims.embedding),
        )
        loss.learning_rate_factor = self.proxy_learning_rate_factor
        return loss  # type: ignore[no-any-return]
