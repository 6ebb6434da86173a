"""Losses with one vector a class: what they share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from oodml.methods.step import full_precision
from oodml.methods.terms.unit import unit_rows


class ClassVectors(nn.Module):
    """One trained vector a class; a subclass gives ``forward(embeddings, labels)``.

    Args:
        vectors: float [C, D], where they begin.
        learning_rate_factor: of the vectors, times the learning rate.
    """

    def __init__(self, vectors: Tensor, learning_rate_factor: float) -> None:
        super().__init__()
        self.vectors = nn.Parameter(vectors)
        self.learning_rate_factor = learning_rate_factor

    def cosines(self, embeddings: Tensor) -> Tensor:
        """Cosines [n, C] of embeddings [n, D] to the vectors; 0 for a zero vector."""
        return unit_rows(embeddings) @ unit_rows(self.vectors).T

    def predict(self, embeddings: Tensor) -> Tensor:
        """The class [n] whose vector has the largest cosine."""
        return self.cosines(embeddings).argmax(dim=1)


class PredictsByLogits:
    """``predict`` for the library's losses whose ``get_logits`` is larger for a better class."""

    get_logits: Any

    def predict(self, embeddings: Tensor) -> Tensor:
        """The class [n] with the largest logit."""
        found: Tensor = self.get_logits(full_precision(embeddings)).argmax(dim=1)
        return found


def uniform_start(columns: int) -> Callable[[Tensor], Tensor]:
    """Fills class vectors of D columns, in place, by U(-1/sqrt(D), 1/sqrt(D)), as torch begins a
    linear layer.

    The length decides how fast the vectors turn under an optimiser, though a loss on cosines does
    not see it; so it is the papers' and not any.
    """
    bound = columns**-0.5
    return partial(nn.init.uniform_, a=-bound, b=bound)


def uniform_vectors(classes: int, columns: int) -> Tensor:
    """Class vectors so begun: float32 [C, D]."""
    return uniform_start(columns)(torch.empty(classes, columns))


def normal_vectors(classes: int, columns: int) -> Tensor:
    """N(0, 1) / 8: float32 [C, D], as the released codes of proxy losses begin."""
    return torch.randn(classes, columns) / 8
