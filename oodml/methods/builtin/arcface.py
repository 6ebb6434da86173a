"""ArcFace."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from oodml.core.parameters import Parameter
from oodml.methods.method import LossMethod
from oodml.methods.rates import own_rate
from oodml.methods.registry import register_method
from oodml.methods.step import Dims
from oodml.methods.terms.proxies import ClassVectors, uniform_vectors


class ArcFaceLoss(ClassVectors):
    """Softmax over scaled cosines, an angle added between a row and the vector of its class.

    Own code: pytorch-metric-learning's goes through the arc cosine, whose gradient is NaN for a row
    along its class vector.
    """

    def __init__(
        self, vectors: Tensor, margin: float, scale: float, learning_rate_factor: float
    ) -> None:
        super().__init__(vectors, learning_rate_factor)
        self.margin = margin
        self.scale = scale

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        cosines = self.cosines(embeddings)
        own = labels[:, None]
        logits = cosines.scatter(1, own, self._further(cosines.gather(1, own)))
        return F.cross_entropy(self.scale * logits, labels)

    def _further(self, cosine: Tensor) -> Tensor:
        # not below eps: the root has no gradient at 0
        sine = (1 - cosine * cosine).clamp(min=torch.finfo(cosine.dtype).eps).sqrt()
        added = cosine * math.cos(self.margin) - sine * math.sin(self.margin)
        beyond = cosine < -math.cos(self.margin)
        return torch.where(beyond, cosine - self.margin * math.sin(self.margin), added)


@register_method("arcface")
class ArcFace(LossMethod):
    """Cross-entropy of scaled cosines to one vector a class, with an additive angular margin.

    Where angle + margin passes pi, the cosine of the sum would rise again; there the authors' code
    takes cos(angle) - margin sin(margin), which goes on falling, and so does this. ooDML's code
    instead sets every negative cosine to 1e-10, which takes the gradient from all classes that are
    farther than a right angle; that is not copied.
    """

    family = "proxies and classification"
    source = "Deng, Guo, Xue, Zafeiriou: ArcFace, CVPR 2019; values of ooDML"
    formula = (
        "L = mean_i -log[e^(s psi(t_iy)) / (e^(s psi(t_iy)) + sum_{c != y} e^(s cos t_ic))], "
        "t_ic the angle of x_i and w_c; psi(t) = cos(t + m) for t <= pi - m, "
        "cos t - m sin m beyond"
    )

    margin = Parameter(
        0.5, "angle added, in radians", minimum=0.0, maximum=math.pi / 2, search=(0.1, 0.8)
    )
    scale = Parameter(16.0, "of the cosines", above=0.0, search=(8.0, 64.0), log=True)
    proxy_learning_rate_factor = own_rate(50.0, "class vectors")

    def loss(self, dims: Dims) -> nn.Module:
        vectors = uniform_vectors(dims.classes, dims.embedding)
        return ArcFaceLoss(vectors, self.margin, self.scale, self.proxy_learning_rate_factor)
