"""Proxy Anchor."""

from __future__ import annotations

from functools import partial

from pytorch_metric_learning.losses import ProxyAnchorLoss
from torch import nn

from oodml.core.parameters import Parameter
from oodml.methods.method import LossMethod
from oodml.methods.rates import own_rate
from oodml.methods.registry import register_method
from oodml.methods.step import Dims
from oodml.methods.terms.proxies import PredictsByLogits


class PredictingProxyAnchor(PredictsByLogits, ProxyAnchorLoss):  # type: ignore[misc]
    """The library's loss, which is the paper's, with its classifier's answer."""


@register_method("proxy-anchor")
class ProxyAnchor(LossMethod):
    """Every proxy is an anchor: it pulls its class's images and pushes all others, hard ones most.

    The library's definition; proxies begin as N(0, 1) / 8, as in ooDML. Their learning rate is
    the paper's, 100 times that of the rest; ooDML's, 2000 times 1e-5, is for its rates alone.
    """

    family = "proxies and classification"
    source = "Kim, Kim, Cho, Kwak: Proxy Anchor Loss, CVPR 2020; values of ooDML"
    formula = (
        "L = 1/|P+| sum_{p in P+} log(1 + sum_{x of p} e^(-alpha (s(x,p) - delta))) + "
        "1/|P| sum_{p} log(1 + sum_{x not of p} e^(alpha (s(x,p) + delta))), s the cosine, "
        "P+ the proxies of the batch's classes, P all"
    )

    alpha = Parameter(32.0, "scale of the cosines", above=0.0, search=(8.0, 64.0), log=True)
    delta = Parameter(0.1, "margin", minimum=0.0, search=(0.0, 0.5), aliases=("margin",))
    proxy_learning_rate_factor = own_rate(100.0, "proxies", search=(10.0, 5000.0))

    def loss(self, dims: Dims) -> nn.Module:
        loss = PredictingProxyAnchor(
            dims.classes,
            dims.embedding,
            margin=self.delta,
            alpha=self.alpha,
            weight_init_func=partial(nn.init.normal_, std=1 / 8),
        )
        loss.learning_rate_factor = self.proxy_learning_rate_factor
        return loss  # type: ignore[no-any-return]
