"""Adversarial decorrelation of two embeddings."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from oodml.methods.step import Step, full_precision
from oodml.methods.term import Term


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return -gradient


class Decorrelation(Term):
    """An adversary maps one embedding to the other; the embeddings learn to make it fail.

    term = -weight * mean_i mean_d (u_i * r(v_i))_d^2, with u, v the unit embeddings and r a
    two-layer map to unit vectors. The map minimises it (it learns to agree with u); gradients reach
    u and v reversed, so they move to where the map cannot agree: little of one can be told from
    the other. Source: Milbich, Roth et al., DiVA, ECCV 2020 (gradient reversal).

    Args:
        target, other: outputs of the head, [n, target_width] and [n, other_width].
        hidden: columns of the map's hidden layer.
    """

    def __init__(
        self,
        target: str,
        other: str,
        target_width: int,
        other_width: int,
        weight: float,
        hidden: int = 512,
    ) -> None:
        super().__init__()
        self.target = target
        self.other = other
        self.weight = weight
        self.map = nn.Sequential(
            nn.Linear(other_width, hidden), nn.ReLU(), nn.Linear(hidden, target_width)
        )

    def forward(self, step: Step) -> Tensor:
        u = _Reversed.apply(F.normalize(full_precision(step.heads[self.target]), dim=1))
        v = _Reversed.apply(F.normalize(full_precision(step.heads[self.other]), dim=1))
        agreement = (u * F.normalize(self.map(v), dim=1)).square().mean()
        return -self.weight * agreement
