"""SphereFace: the angular softmax."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from oodml.core.parameters import Parameter
from oodml.methods.method import Method
from oodml.methods.rates import own_rate
from oodml.methods.registry import register_method
from oodml.methods.step import Dims, Step, full_precision
from oodml.methods.term import LossTerm, Term
from oodml.methods.terms.proxies import ClassVectors, uniform_vectors


class AngularSoftmaxLoss(ClassVectors):
    """Softmax of |x| cos(angle), the angle to the own class multiplied by ``margin``.

    The own class's logit is |x| (blend cos t + psi(t)) / (1 + blend); blend 0 is the pure loss.

    Own code: pytorch-metric-learning's is the pure loss, and the paper's is blended.
    """

    def __init__(self, vectors: Tensor, margin: int, learning_rate_factor: float) -> None:
        super().__init__(vectors, learning_rate_factor)
        self.margin = margin
        self.blend = 0.0

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        cosines = self.cosines(embeddings)
        own = labels[:, None]
        target = cosines.gather(1, own)
        blended = (self.blend * target + psi(target, self.margin)) / (1 + self.blend)
        lengths = torch.linalg.vector_norm(full_precision(embeddings), dim=1, keepdim=True)
        return F.cross_entropy(lengths * cosines.scatter(1, own, blended), labels)


def psi(cosine: Tensor, margin: int) -> Tensor:
    """(-1)^k cos(m t) - 2k for t in [k pi / m, (k + 1) pi / m]: falls with the angle t all the way.

    cos(m t) is a polynomial of cos t, so that there is a gradient at every angle.

    >>> psi(torch.tensor([1.0, 0.0, -1.0]), 4).tolist()
    [1.0, -3.0, -7.0]
    """
    with torch.no_grad():
        angle = cosine.clamp(-1, 1).acos()
        turns = (margin * angle / math.pi).floor().clamp(max=margin - 1)
        sign = 1 - 2 * (turns % 2)
    before, multiple = torch.ones_like(cosine), cosine
    for _ in range(margin - 1):
        before, multiple = multiple, 2 * cosine * multiple - before
    return sign * multiple - 2 * turns


class AnnealedTerm(LossTerm):
    """The angular softmax whose plain part fades: blend = max(least, start / (1 + decay step))."""

    def __init__(self, loss: AngularSoftmaxLoss, start: float, decay: float, least: float) -> None:
        super().__init__(loss)
        self.at_start = start
        self.decay = decay
        self.least = least

    def forward(self, step: Step) -> Tensor:
        self.loss.blend = max(self.least, self.at_start / (1 + self.decay * step.number))  # type: ignore[assignment]
        return super().forward(step)


@register_method("sphereface")
class SphereFace(Method):
    """Softmax with unit class vectors and the embeddings' own lengths; the own angle is multiplied.

    As in the paper the class vectors are normalised and have no bias, the embeddings are not (later
    face losses normalise both). Training begins near the plain softmax: the margin's share grows
    with the steps, as in the authors' released training, which ends at a blend of 5.
    """

    family = "proxies and classification"
    source = "Liu et al., SphereFace, CVPR 2017; the blend of the authors' released training"
    formula = (
        "L = mean_i -log[e^(|x_i| g(t_iy)) / (e^(|x_i| g(t_iy)) + sum_{c != y} e^(|x_i| cos t_ic))]"
        ", g = (b cos t + psi(t)) / (1 + b), psi(t) = (-1)^k cos(m t) - 2k for t in "
        "[k pi/m, (k+1) pi/m], b = max(least, start / (1 + decay step))"
    )

    margin = Parameter(4, "factor of the angle", minimum=1, maximum=16, search=(2, 4))
    blend_start = Parameter(1000.0, "weight of the plain cosine at the first step", minimum=0.0)
    blend_decay = Parameter(0.12, "how fast that weight falls with the steps", minimum=0.0)
    blend_least = Parameter(5.0, "where it stays; 0: the pure loss in the end", minimum=0.0)
    proxy_learning_rate_factor = own_rate(50.0, "class vectors")

    def terms(self, dims: Dims) -> dict[str, Term]:
        vectors = uniform_vectors(dims.classes, dims.embedding)
        loss = AngularSoftmaxLoss(vectors, self.margin, self.proxy_learning_rate_factor)
        return {"loss": AnnealedTerm(loss, self.blend_start, self.blend_decay, self.blend_least)}
