"""Supervised contrastive loss."""

from __future__ import annotations

from torch import Tensor, nn

from oodml.core.parameters import Parameter
from oodml.methods.method import LossMethod
from oodml.methods.registry import register_method
from oodml.methods.step import Dims
from oodml.methods.terms.cosines import batch_cosines, log_sum_exp
from oodml.methods.terms.pairs import pair_masks


class SupConLoss(nn.Module):
    """L_out on cosines, mean over the anchors that have a positive; 0 where none has.

    Own code: pytorch-metric-learning gives 0 for a batch of one class, though the formula needs no
    negatives, and goes over lists of pairs.
    """

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        logits = batch_cosines(embeddings) / self.temperature
        positive, negative = pair_masks(labels)
        log_shares = logits - log_sum_exp(logits, positive | negative)[:, None]
        count = positive.sum(dim=1)
        losses = -(log_shares * positive).sum(dim=1) / count.clamp(min=1)
        return losses.sum() / (count > 0).sum().clamp(min=1)


@register_method("supcon")
class SupCon(LossMethod):
    """Softmax of every positive against all other items of the batch (the paper's L_out).

    The paper adds a projection and two views; here the loss acts on the embedding of m images a
    class.
    """

    family = "pairs and triplets"
    source = "Khosla et al., Supervised Contrastive Learning, NeurIPS 2020, equation 2"
    formula = (
        "L = mean_i -1/|P(i)| sum_{p in P(i)} log[e^(s_ip / T) / sum_{a != i} e^(s_ia / T)], "
        "s cosines, P(i) the other items of i's class"
    )

    temperature = Parameter(
        0.1, "of the softmax over cosines", above=0.0, search=(0.02, 0.5), log=True
    )

    def loss(self, dims: Dims) -> nn.Module:
        return SupConLoss(self.temperature)
