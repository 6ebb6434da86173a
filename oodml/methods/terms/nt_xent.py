"""NT-Xent: contrast between views of the same item and other items."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from oodml.methods.terms.cosines import batch_cosines, log_sum_exp
from oodml.methods.terms.pairs import pair_masks


class NTXentLoss(nn.Module):
    """mean over positive pairs (i, j) of -log[e^(s_ij/T) / (e^(s_ij/T) + sum_n e^(s_in/T))].

    s are cosines, n runs over the rows of other items than i's. Without a pair the loss is 0.

    Own code: pytorch-metric-learning compares every positive with every negative pair of the batch,
    n^3 numbers for the same n^2.
    """

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, rows: Tensor, items: Tensor) -> Tensor:
        """Rows [n, D] and what each is a view of, int64 [n] -> scalar."""
        logits = batch_cosines(rows) / self.temperature
        positive, negative = pair_masks(items)
        against = log_sum_exp(logits, negative)[:, None]
        losses = F.softplus(against - logits)[positive]
        return losses.sum() / max(1, len(losses))
