"""The multi-similarity loss with its mining."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from oodml.methods.terms.pairs import pair_masks, unit_rows


class MultiSimilarityLoss(nn.Module):
    """Multi-similarity loss of Wang et al., CVPR 2019, on cosines s.

    Of anchor i a positive j is kept where s_ij - epsilon < its largest negative, a negative k where
    s_ik + epsilon > its smallest positive; loss = sum_i [log(1 + sum_j exp(-alpha (s_ij - base)))
    / alpha + log(1 + sum_k exp(beta (s_ik - base))) / beta] / n. Anchors with nothing kept add 0.
    No gradient flows through the mining.

    Own code: the library gives the same values, but sorts and lists the pairs; and it has no way to
    leave out near duplicates.

    Args:
        drop_duplicates: positives with cosine >= 1 - 1e-5 are no positives, as in SEC's code.
    """

    def __init__(
        self,
        alpha: float = 2.0,
        beta: float = 40.0,
        base: float = 0.5,
        epsilon: float = 0.1,
        *,
        drop_duplicates: bool = False,
    ) -> None:
        super().__init__()
        self.alpha = alpha
        self.beta = beta
        self.base = base
        self.epsilon = epsilon
        self.drop_duplicates = drop_duplicates

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings [n, D] and labels [n] -> scalar."""
        unit = unit_rows(embeddings)
        cosines = unit @ unit.T
        positive, negative = self._mined(cosines.detach(), *pair_masks(labels))
        excess = cosines - self.base
        pull = _log_one_plus_sum(-self.alpha * excess, positive) / self.alpha
        push = _log_one_plus_sum(self.beta * excess, negative) / self.beta
        return (pull + push).sum() / len(labels)

    def _mined(self, cosines: Tensor, positive: Tensor, negative: Tensor) -> tuple[Tensor, Tensor]:
        if self.drop_duplicates:
            positive = positive & (cosines < 1 - 1e-5)
        hardest_negative = cosines.masked_fill(~negative, -torch.inf).amax(dim=1, keepdim=True)
        hardest_positive = cosines.masked_fill(~positive, torch.inf).amin(dim=1, keepdim=True)
        hard_positive = positive & (cosines - self.epsilon < hardest_negative)
        return hard_positive, negative & (cosines + self.epsilon > hardest_positive)


def _log_one_plus_sum(exponents: Tensor, kept: Tensor) -> Tensor:
    """log(1 + sum of exp over the kept of each row): [n] of [n, m]; 0 where none is kept."""
    filled = exponents.masked_fill(~kept, -torch.inf)
    one = exponents.new_zeros(len(exponents), 1)
    return torch.logsumexp(torch.cat([filled, one], dim=1), dim=1)
