"""Circle loss."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from oodml.core.parameters import Parameter
from oodml.methods.method import LossMethod
from oodml.methods.registry import register_method
from oodml.methods.step import Dims
from oodml.methods.terms.cosines import batch_cosines, log_sum_exp
from oodml.methods.terms.pairs import pair_masks


class CircleLoss(nn.Module):
    """Circle loss on pairs, mean over the anchors with a positive and a negative; 0 without any.

    Own code: pytorch-metric-learning divides by the anchors whose loss is not rounded to 0, so that
    what is learnt already drops out of the mean.
    """

    def __init__(self, margin: float, gamma: float) -> None:
        super().__init__()
        self.margin = margin
        self.gamma = gamma

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        m, cosines = self.margin, batch_cosines(embeddings)
        positive, negative = pair_masks(labels)
        fixed = cosines.detach()  # the weights of the pairs have no gradient
        pull = -self.gamma * F.relu(1 + m - fixed) * (cosines - (1 - m))
        push = self.gamma * F.relu(fixed + m) * (cosines - m)
        usable = positive.any(dim=1) & negative.any(dim=1)
        pulls = log_sum_exp(pull, positive)[usable]
        pushes = log_sum_exp(push, negative)[usable]
        return F.softplus(pulls + pushes).sum() / usable.sum().clamp(min=1)


@register_method("circle")
class Circle(LossMethod):
    """Every pair is weighted by how far its cosine is from where it should be.

    The paper's form for labels of pairs. Its values are margin 0.4, gamma 80 for fine-grained
    retrieval (the default) and 0.25, 256 for faces.
    """

    family = "pairs and triplets"
    source = "Sun et al., Circle Loss, CVPR 2020"
    formula = (
        "L = mean_i log[1 + sum_{n} e^(g [s_in + m]+ (s_in - m)) "
        "sum_{p} e^(-g [1 + m - s_ip]+ (s_ip - 1 + m))], s cosines, [.]+ without gradient"
    )

    margin = Parameter(
        0.4, "relaxation of the boundary", minimum=0.0, maximum=1.0, search=(0.1, 0.6)
    )
    gamma = Parameter(80.0, "scale", above=0.0, search=(16.0, 512.0), log=True)

    def loss(self, dims: Dims) -> nn.Module:
        return CircleLoss(self.margin, self.gamma)
