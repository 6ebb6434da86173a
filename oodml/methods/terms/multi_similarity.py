"""The multi-similarity loss with its mining."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from oodml.methods.terms.pairs import pair_masks, products, unit_rows
from oodml.methods.terms.unit import first_derivative_only


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
        cosines = products(unit_rows(embeddings))
        scales = (self.alpha, self.beta, self.base)
        value: Tensor = _Summed.apply(cosines, *self._mined(cosines.detach(), labels), scales)
        return value

    def _mined(self, cosines: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Which positives and negatives are kept, bool [n, n] each; the smallest positive and the
        largest negative kept of every row, [n, 1] each, inf and -inf where there is none."""
        positive, negative = pair_masks(labels)
        if self.drop_duplicates:
            positive = positive & (cosines < 1 - 1e-5)
        nearest = torch.where(negative, cosines, -torch.inf).amax(dim=1, keepdim=True)
        farthest = torch.where(positive, cosines, torch.inf).amin(dim=1, keepdim=True)
        positive = positive & (cosines - self.epsilon < nearest)
        negative = negative & (cosines + self.epsilon > farthest)
        kept_farthest = farthest.where(farthest - self.epsilon < nearest, torch.inf)
        kept_nearest = nearest.where(nearest + self.epsilon > farthest, -torch.inf)
        return positive, negative, kept_farthest, kept_nearest


class _Summed(torch.autograd.Function):
    """The loss of cosines [n, n] by what is kept.

    Positives and negatives exclude each other, so one matrix holds the exponentials of both, and
    the same exponentials are the gradient.
    """

    @staticmethod
    def forward(
        ctx: Any,
        cosines: Tensor,
        positive: Tensor,
        negative: Tensor,
        farthest: Tensor,
        nearest: Tensor,
        scales: tuple[float, float, float],
    ) -> Tensor:
        alpha, beta, base = scales
        # the largest exponents, the 1's included: nothing overflows, and the sum is at least 1
        pull = _largest(-alpha * (farthest - base))
        push = _largest(beta * (nearest - base))
        excess = cosines - base
        exponents = torch.where(positive, -alpha * excess - pull, beta * excess - push)
        # what is not kept may be above 0; -80 is nothing, and the exponential is slow below
        exponentials = exponents.clamp_(-80.0, 0.0).exp_()
        pulls, pushes = exponentials * positive, exponentials * negative
        pull_sums = pulls.sum(dim=1, keepdim=True) + (-pull).exp()
        push_sums = pushes.sum(dim=1, keepdim=True) + (-push).exp()
        ctx.save_for_backward((pushes / push_sums).sub_(pulls.div_(pull_sums)))
        logarithms = (pull + pull_sums.log()) / alpha + (push + push_sums.log()) / beta
        return logarithms.sum() / len(cosines)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        first_derivative_only()
        (slopes,) = ctx.saved_tensors
        return slopes * (gradient / len(slopes)), None, None, None, None, None


def _largest(exponents: Tensor) -> Tensor:
    """Of each row and 0; where it has none, 0."""
    return exponents.clamp(0.0, torch.finfo(exponents.dtype).max)
