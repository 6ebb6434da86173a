"""The histogram loss: the probability that a random negative pair beats a random positive one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from oodml.methods.terms.unit import products, unit_rows


class HistogramLoss(nn.Module):
    """Histogram loss on cosines (Ustinova and Lempitsky, NeurIPS 2016).

    Similarities of all positive and all negative pairs of the batch are spread over
    ``bins`` grid points on [-1, 1] by triangular weights, giving densities p+ and p-;
    loss = sum_j p-_j * sum_{i <= j} p+_i, the form Adapted Deep Embeddings (NeurIPS 2018) uses.

    A batch with no positive or no negative pair has loss 0.

    pytorch-metric-learning has the same definition but lists every triplet of the batch in
    Python to find the pairs, which batches of this size cannot afford, and fails on cosine 1.
    """

    def __init__(self, bins: int = 201) -> None:
        super().__init__()
        self.bins = bins

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        unit = unit_rows(embeddings)
        rows, columns = torch.triu_indices(len(unit), len(unit), offset=1, device=unit.device)
        similarities = products(unit)[rows, columns].clamp(-1, 1)
        positive = labels[rows] == labels[columns]
        if positive.all() or not positive.any():
            return similarities.sum() * 0.0
        p_positive = self._density(similarities[positive])
        p_negative = self._density(similarities[~positive])
        return (p_negative * torch.cumsum(p_positive, 0)).sum()

    def _density(self, similarities: Tensor) -> Tensor:
        place = (similarities + 1) * ((self.bins - 1) / 2)
        left = place.detach().floor().clamp(0, self.bins - 2).long()
        right_share = place - left
        density = torch.zeros(self.bins, dtype=place.dtype, device=place.device)
        density = density.index_add(0, left, 1 - right_share)
        density = density.index_add(0, left + 1, right_share)
        return density / len(similarities)
