"""What the slow float64 transcriptions of pair and triplet losses share: loops, and plain miners."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import torch
from torch import Tensor


def unit(row: Tensor) -> Tensor:
    return row / row.norm()


def far(one: Tensor, other: Tensor) -> Tensor:
    """Euclidean distance; torch's norm has gradient 0 at 0."""
    return (one - other).norm()


def cosine(one: Tensor, other: Tensor) -> Tensor:
    return unit(one) @ unit(other)


def mean_of(values: list[Tensor]) -> Tensor:
    """The mean; 0 of nothing."""
    return torch.stack(values).mean() if values else torch.zeros((), dtype=torch.float64)


def sum_of(values: list[Tensor]) -> Tensor:
    return torch.stack(values).sum() if values else torch.zeros((), dtype=torch.float64)


def hinge(value: Tensor) -> Tensor:
    return torch.clamp(value, min=0)


def positives_of(labels: list[int], a: int) -> list[int]:
    return [j for j in range(len(labels)) if j != a and labels[j] == labels[a]]


def negatives_of(labels: list[int], a: int) -> list[int]:
    return [j for j in range(len(labels)) if labels[j] != labels[a]]


def positive_pairs(labels: list[int]) -> list[tuple[int, int]]:
    """Ordered pairs of two items of a class."""
    return [(i, j) for i, j in permutations(range(len(labels)), 2) if labels[i] == labels[j]]


def plain_triplets(labels: list[int]) -> list[tuple[int, int, int]]:
    """For each anchor the next item of its class and the next of another, in a circle."""
    found = []
    for a in range(len(labels)):
        after = [(a + step) % len(labels) for step in range(1, len(labels))]
        positives = [j for j in after if labels[j] == labels[a]]
        negatives = [j for j in after if labels[j] != labels[a]]
        if positives and negatives:
            found.append((a, positives[0], negatives[0]))
    return found


def plain_miner(embeddings: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
    """`plain_triplets` as miners give them."""
    rows = torch.tensor(plain_triplets(labels.tolist()), dtype=torch.int64).reshape(-1, 3)
    return tuple(rows.unbind(dim=1))


def switched_miner(embeddings: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
    """`plain_triplets` with every other one switched: (a, a, p)."""
    anchors, positives, negatives = plain_miner(embeddings, labels)
    odd = torch.arange(len(anchors)) % 2 == 1
    return anchors, torch.where(odd, anchors, positives), torch.where(odd, positives, negatives)


def random_batch(seed: int, images: int = 3, dims: int = 5) -> tuple[Tensor, Tensor]:
    """float64 rows of uneven length, four classes."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(4 * images, dims)) * rng.uniform(0.3, 4, (4 * images, 1))
    return torch.from_numpy(rows), torch.arange(4).repeat_interleave(images)
