"""Several linear embeddings side by side; the embedding is their weighted concatenation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class BranchHead(nn.Module):
    """One linear layer a branch, each with an equal share of the embedding's columns.

    Gives every branch by name, un-normalised, and "embedding": the unit branches, each times its
    weight, beside each other [n, D], so that a branch counts by its weight whatever its norm.

    Args:
        features: F.
        embedding: D; the first branches get a column more where it does not divide.
        weights: branch -> weight in the embedding.
    """

    def __init__(self, features: int, embedding: int, weights: Mapping[str, float]) -> None:
        super().__init__()
        self.weights = dict(weights)
        widths = branch_widths(embedding, list(weights))
        self.branches = nn.ModuleDict(
            {name: nn.Linear(features, width) for name, width in widths.items()}
        )

    @property
    def input_layers(self) -> list[nn.Linear]:
        """The layers that read the features."""
        return [one for one in self.branches.values() if isinstance(one, nn.Linear)]

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        found = {name: branch(features) for name, branch in self.branches.items()}
        parts = [self.weights[name] * F.normalize(one, dim=1) for name, one in found.items()]
        return {**found, "embedding": torch.cat(parts, dim=1)}


def branch_widths(embedding: int, branches: Sequence[str]) -> dict[str, int]:
    """How many of the embedding's columns each branch has; the first get what does not divide.

    >>> branch_widths(10, ["a", "b", "c"])
    {'a': 4, 'b': 3, 'c': 3}
    """
    share, more = divmod(embedding, len(branches))
    return {name: share + (place < more) for place, name in enumerate(branches)}
