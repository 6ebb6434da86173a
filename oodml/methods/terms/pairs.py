"""What losses over the pairs of a batch share."""

from __future__ import annotations

import torch
from torch import Tensor

from oodml.methods.miners.distance_weighted import Triplets
from oodml.methods.step import full_precision
from oodml.methods.terms.unit import products, unit_rows

__all__ = [
    "active_mean",
    "distances",
    "pair_masks",
    "products",
    "squared_distances",
    "triplet_distances",
    "unit_rows",
    "zero_of",
]


def pair_masks(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Labels [n] -> which (row, column) are two items of one class, and which of two classes:
    bool [n, n] each. An item with itself is neither."""
    same = labels[:, None] == labels[None, :]
    different = ~same
    return same.fill_diagonal_(False), different


def squared_distances(rows: Tensor) -> Tensor:
    """Squared Euclidean distances of rows [n, D] to each other: [n, n].

    By the matrix product; what should be 0 may be a rounding error off, in either direction.
    """
    squares = rows.square().sum(dim=1)
    return squares[:, None] + squares[None, :] - 2 * products(rows)


def distances(rows: Tensor) -> Tensor:
    """Euclidean distances of rows [n, D] to each other: [n, n]. Where rows coincide up to rounding
    the distance is 0, and so is its gradient."""
    squared = squared_distances(rows)
    largest = rows.detach().square().sum(dim=1).max()
    apart = squared > 4 * torch.finfo(rows.dtype).eps * largest
    return torch.where(apart, squared, 1.0).sqrt() * apart


def triplet_distances(rows: Tensor, triplets: Triplets) -> tuple[Tensor, Tensor]:
    """Distances anchor - positive and anchor - negative of triplets of rows: [t] each. Their
    gradient is 0 where two rows are equal."""
    anchors, positives, negatives = (rows[index] for index in triplets)
    near = torch.linalg.vector_norm(anchors - positives, dim=1)
    far = torch.linalg.vector_norm(anchors - negatives, dim=1)
    return near, far


def zero_of(embeddings: Tensor) -> Tensor:
    """0, as a scalar that can be backpropagated: the loss of a batch without a pair."""
    return 0.0 * full_precision(embeddings).sum()


def active_mean(losses: Tensor, active: Tensor) -> Tensor:
    """Sum of losses [t] over the number of those that are active (bool [t]); 0 where none is."""
    return losses.sum() / active.sum().clamp(min=1)
