"""Step: all that one update knows. The training loop fills it, terms read it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor


def full_precision(values: Tensor) -> Tensor:
    """Half types as float32, others as they are: losses lose too much in half precision."""
    half = values.dtype in (torch.float16, torch.bfloat16)
    return values.float() if half else values


@dataclass(frozen=True)
class Dims:
    """Sizes a method builds its parts for.

    Attributes:
        features: F, columns of a feature row of the trunk.
        embedding: D, columns of an embedding.
        classes: C, classes trained on; labels are 0..C-1.
    """

    features: int
    embedding: int
    classes: int


@dataclass(frozen=True)
class Step:
    """One update. V views of B items stand below each other, the first view of all first.

    Attributes:
        number: of the update, from 0.
        labels: int64 [V*B], class of each row, 0..C-1.
        items: int64 [V*B], row of the data set each comes from; views of an item share it.
        views: int64 [V*B], which view of its item a row is, from 0.
        support: bool [V*B], True where a row is a support item of an episode; None without roles.
        inputs: what the trunk was given: images [V*B, C, H, W] or cached features [V*B, F]; None
            unless a term needs them.
        features: float [V*B, F], what the trunk gave.
        maps: float [V*B, F', h, w], the trunk's last feature maps; None unless a term needs them.
        heads: what the head gave, by name: "embedding" [V*B, D] is always there, not normalised.
    """

    number: int
    labels: Tensor
    items: Tensor
    views: Tensor
    support: Tensor | None
    inputs: Tensor | None
    features: Tensor
    maps: Tensor | None = None
    heads: dict[str, Tensor] = field(default_factory=dict)

    @property
    def embedding(self) -> Tensor:
        """float [V*B, D], at least float32, whatever precision the network computed in."""
        return full_precision(self.heads["embedding"])

    def with_embedding(self, embedding: Tensor) -> Step:
        """The same step seen through another embedding, for losses on branches."""
        return replace(self, heads={**self.heads, "embedding": embedding})
