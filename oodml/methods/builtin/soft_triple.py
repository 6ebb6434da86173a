"""SoftTriple."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pytorch_metric_learning.losses import SoftTripleLoss
from torch import Tensor, nn

from oodml.core.parameters import Parameter
from oodml.methods.method import LossMethod
from oodml.methods.rates import own_rate
from oodml.methods.registry import register_method
from oodml.methods.step import Dims
from oodml.methods.terms.proxies import PredictsByLogits
from oodml.methods.terms.unit import unit_rows


class CentreSpread(nn.Module):
    """Mean distance of a class's unit centres, halved: drives centres it does not need together.

    sum_c sum_{s < t} sqrt(2 - 2 cos(w_cs, w_ct)) / (C K (K - 1)); 0 with one centre a class.

    Own code: pytorch-metric-learning's compares the centres of all classes, K C x K C, to use those
    within a class alone.
    """

    def __init__(self, centres: int) -> None:
        super().__init__()
        self.centres = centres

    def forward(self, weights: Tensor) -> Tensor:
        """[C * K, D], a class's centres together -> scalar."""
        unit = unit_rows(weights).reshape(-1, self.centres, weights.shape[1])
        squares = 2 - 2 * unit @ unit.transpose(1, 2)
        first, second = torch.triu_indices(
            self.centres, self.centres, offset=1, device=weights.device
        )
        # not below eps: the root has no gradient where two centres have met
        distances = squares[:, first, second].clamp(min=torch.finfo(weights.dtype).eps).sqrt()
        return distances.sum() / (len(unit) * self.centres * max(1, self.centres - 1))


class PredictingSoftTriple(PredictsByLogits, SoftTripleLoss):  # type: ignore[misc]
    """The library's loss, which is the paper's but for the regulariser, with its answer.

    Logits in own code: autograd through the library's unit rows is most of its time.
    """

    def get_logits(self, embeddings: Tensor) -> Tensor:
        """[n, D] -> [n, C]: the similarities to a class's centres, averaged by their softmax."""
        cosines = unit_rows(embeddings) @ unit_rows(self.fc.T).T
        cosines = cosines.view(-1, self.num_classes, self.centers_per_class)
        shares = F.softmax(cosines * self.gamma, dim=2)  # the library holds 1 / gamma
        return (shares * cosines).sum(dim=2)


@register_method("soft-triple")
class SoftTriple(LossMethod):
    """Softmax over classes that have several centres each; similar centres are drawn together.

    The library's loss, with the paper's regulariser of the centres in own code.
    """

    family = "proxies and classification"
    source = "Qian et al., SoftTriple Loss, ICCV 2019"
    formula = (
        "L = mean_i -log[e^(la (S_iy - m)) / (e^(la (S_iy - m)) + sum_{c != y} e^(la S_ic))] + "
        "tau / (C K (K-1)) sum_c sum_{s<t} sqrt(2 - 2 w_cs.w_ct), "
        "S_ic = sum_k softmax_k(x_i.w_ck / gamma) x_i.w_ck, all of unit length"
    )

    centres = Parameter(10, "centres of a class", minimum=1, search=(2, 20))
    la = Parameter(20.0, "scale of the similarities", above=0.0, search=(5.0, 50.0), log=True)
    gamma = Parameter(
        0.1, "softness of the choice of a centre", above=0.0, search=(0.02, 0.5), log=True
    )
    tau = Parameter(0.2, "weight of the regulariser", minimum=0.0, search=(0.0, 1.0))
    margin = Parameter(0.01, "between own and other classes", minimum=0.0, search=(0.0, 0.2))
    proxy_learning_rate_factor = own_rate(100.0, "centres")

    def loss(self, dims: Dims) -> nn.Module:
        loss = PredictingSoftTriple(
            dims.classes,
            dims.embedding,
            centers_per_class=self.centres,
            la=self.la,
            gamma=self.gamma,
            margin=self.margin,
            weight_regularizer=CentreSpread(self.centres),
            weight_reg_weight=self.tau,
        )
        loss.learning_rate_factor = self.proxy_learning_rate_factor
        return loss  # type: ignore[no-any-return]
