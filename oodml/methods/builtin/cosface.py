"""CosFace."""

from __future__ import annotations

from pytorch_metric_learning.losses import CosFaceLoss
from torch import nn

from oodml.core.parameters import Parameter
from oodml.methods.method import LossMethod
from oodml.methods.rates import own_rate
from oodml.methods.registry import register_method
from oodml.methods.step import Dims
from oodml.methods.terms.proxies import PredictsByLogits, uniform_start


class PredictingCosFace(PredictsByLogits, CosFaceLoss):  # type: ignore[misc]
    """The library's loss, which is the paper's, with its classifier's answer."""


@register_method("cosface")
class CosFace(LossMethod):
    """Cross-entropy of scaled cosines to one vector a class, with an additive cosine margin.

    The library's definition. The paper's scale, 64, is for ten thousand classes of faces; the
    default is that of ArcFace here, so that the two margins compare.
    """

    family = "proxies and classification"
    source = "Wang et al., CosFace, CVPR 2018"
    formula = (
        "L = mean_i -log[e^(s (cos t_iy - m)) / (e^(s (cos t_iy - m)) + "
        "sum_{c != y} e^(s cos t_ic))], t_ic the angle of x_i and w_c"
    )

    margin = Parameter(0.35, "taken from the cosine", minimum=0.0, maximum=2.0, search=(0.05, 0.6))
    scale = Parameter(16.0, "of the cosines", above=0.0, search=(8.0, 64.0), log=True)
    proxy_learning_rate_factor = own_rate(50.0, "class vectors")

    def loss(self, dims: Dims) -> nn.Module:
        loss = PredictingCosFace(
            dims.classes,
            dims.embedding,
            margin=self.margin,
            scale=self.scale,
            weight_init_func=uniform_start(dims.embedding),
        )
        loss.learning_rate_factor = self.proxy_learning_rate_factor
        return loss  # type: ignore[no-any-return]
