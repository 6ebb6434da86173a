"""The N-pair loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from oodml.methods.step import full_precision
from oodml.methods.terms.pairs import pair_masks, unit_rows, zero_of


class NPairLoss(nn.Module):
    """Cross-entropy of each class's anchor over the positives of all classes.

    The first item of a class in the batch is its anchor, the second its positive; further items,
    and classes of one item, are left out. logits_cd = x_c . y_d with x the anchors and y the
    positives, mean over classes c of -log softmax(logits_c)_c. Normalised, as in SEC: unit
    embeddings times ``scale`` on either side, so logits are scale^2 cos. To it norm_weight * mean
    ||f||^2 of the embeddings that take part is added. 0 for a batch without a positive pair.

    Own code: the library's has neither scale nor weight of the norms, and finds pairs in Python.
    """

    def __init__(
        self, scale: float = 5.0, norm_weight: float = 0.0, *, normalised: bool = True
    ) -> None:
        super().__init__()
        self.scale = scale
        self.norm_weight = norm_weight
        self.normalised = normalised

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings [n, D] and labels [n] -> scalar."""
        anchors, positives = first_and_second(labels)
        if not len(anchors):
            return zero_of(embeddings)
        raw = full_precision(embeddings)
        rows = self.scale * unit_rows(raw) if self.normalised else raw
        classes = torch.arange(len(anchors), device=labels.device)
        loss = F.cross_entropy(rows[anchors] @ rows[positives].T, classes)
        if self.norm_weight:
            taking_part = raw[torch.cat([anchors, positives])]
            loss = loss + self.norm_weight * taking_part.square().sum(dim=1).mean()
        return loss


def first_and_second(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Labels [n] -> index of the first and of the second item of every class that has two, by
    ascending class: int64 [c] each.

    >>> first_and_second(torch.tensor([7, 3, 7, 3, 5, 7]))
    (tensor([1, 0]), tensor([3, 2]))
    """
    positive, _ = pair_masks(labels)
    earlier = positive.tril().sum(dim=1)
    order = torch.argsort(labels, stable=True)
    earlier, has_other = earlier[order], positive.any(dim=1)[order]
    return order[(earlier == 0) & has_other], order[earlier == 1]
