"""Triplet losses over every positive pair of a batch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from oodml.methods.terms.pairs import pair_masks, squared_distances, unit_rows, zero_of


class AllTriplets(nn.Module):
    """sum over all triplets of max(0, d(a,p)^2 - d(a,n)^2 + margin) / number of all triplets, with d
    of unit embeddings; inactive triplets count. 0 where there is none.

    Own code: the library gives the same values, but lists every triplet by its three indices.
    """

    def __init__(self, margin: float = 1.0) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings [n, D] and labels [n] -> scalar."""
        near, far, negative = _positive_pairs(embeddings, labels)
        count = negative.sum()
        if not count:
            return zero_of(embeddings)
        return (F.relu(near[:, None] - far + self.margin) * negative).sum() / count


class SemihardTriplets(nn.Module):
    """One triplet for each ordered positive pair (a, p): n is the nearest negative of a that is
    farther than p, else the farthest; sum of max(0, d(a,p)^2 - d(a,n)^2 + margin) / number of
    ordered positive pairs, d of unit embeddings. 0 for a batch without a positive or a negative.

    Farther means by more than rounding (8 machine epsilons), so that copies of an image have one
    value on all machines. No gradient flows through the choice.

    Own code: the library's miner takes every semi-hard negative, not the nearest.
    """

    def __init__(self, margin: float = 0.2) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings [n, D] and labels [n] -> scalar."""
        near, far, negative = _positive_pairs(embeddings, labels)
        if not negative.any():
            return zero_of(embeddings)
        farther = negative & (far > near[:, None] + 8 * torch.finfo(far.dtype).eps)
        nearest = far.masked_fill(~farther, torch.inf).amin(dim=1)
        farthest = far.masked_fill(~negative, -torch.inf).amax(dim=1)
        chosen = torch.where(farther.any(dim=1), nearest, farthest)
        return F.relu(near - chosen + self.margin).mean()


def _positive_pairs(embeddings: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For each of the t ordered positive pairs of a batch: the squared distance [t] of the two, the
    anchor's to every item [t, n], and which items are negatives, bool [t, n]."""
    positive, negative = pair_masks(labels)
    squared = squared_distances(unit_rows(embeddings))
    anchors, positives = torch.nonzero(positive, as_tuple=True)
    far = squared.index_select(0, anchors)
    near = far.gather(1, positives[:, None]).squeeze(1)
    return near, far, negative.index_select(0, anchors)
