"""Proxy-NCA."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from oodml.core.parameters import Parameter
from oodml.methods.method import LossMethod
from oodml.methods.rates import own_rate
from oodml.methods.registry import register_method
from oodml.methods.step import Dims
from oodml.methods.terms.cosines import log_sum_exp
from oodml.methods.terms.proxies import ClassVectors, normal_vectors


class ProxyNCALoss(ClassVectors):
    """Squared distance to the own proxy against those to the others, all of unit length.

    Own code: pytorch-metric-learning's sum holds the own proxy too, as ProxyNCA++ does, and leaves
    out rows whose probability underflows. With a single class there is nothing to be far from: 0.
    """

    def __init__(
        self, vectors: Tensor, scale: float, with_own: bool, learning_rate_factor: float
    ) -> None:
        super().__init__(vectors, learning_rate_factor)
        self.scale = scale
        self.with_own = with_own

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        # -|x - p|^2 of unit vectors, but for a constant that cancels
        logits = 2 * self.scale * self.cosines(embeddings)
        own = F.one_hot(labels, logits.shape[1]).bool()
        counted = torch.ones_like(own) if self.with_own else ~own
        if not counted.any():
            return logits.sum() * 0.0
        return (log_sum_exp(logits, counted) - logits[own]).mean()


@register_method("proxy-nca")
class ProxyNCA(LossMethod):
    """Nearness to the own class's proxy over nearness to all other proxies.

    The sum runs over the other classes alone, as in the paper, so that the loss can be negative.
    ProxyNCA++ is ``scale`` 9 (its temperature is 1/9) with ``own_in_sum``.
    """

    family = "proxies and classification"
    source = "Movshovitz-Attias et al., No Fuss Distance Metric Learning using Proxies, ICCV 2017"
    formula = (
        "L = mean_i -log[e^(-s |x_i - p_y|^2) / sum_{c != y} e^(-s |x_i - p_c|^2)], "
        "x and p of unit length"
    )

    scale = Parameter(1.0, "of the squared distances", above=0.0, search=(1.0, 32.0), log=True)
    own_in_sum = Parameter(False, "the sum holds the own proxy too (ProxyNCA++)")
    proxy_learning_rate_factor = own_rate(50.0, "proxies")

    def loss(self, dims: Dims) -> nn.Module:
        proxies = normal_vectors(dims.classes, dims.embedding)
        return ProxyNCALoss(proxies, self.scale, self.own_in_sum, self.proxy_learning_rate_factor)
