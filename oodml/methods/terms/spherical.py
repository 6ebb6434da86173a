"""The spherical embedding constraint (SEC)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from oodml.core.errors import UsageError
from oodml.methods.step import full_precision
from oodml.methods.terms.unit import first_derivative_only


class SphericalConstraint(nn.Module):
    """SEC: keep embedding norms together, on one sphere whose radius is free.

    penalty = weight * mean_i (||f_i|| - mu)^2, where mu is the running mean norm
    mu_t = (1 - momentum) * mu_{t-1} + momentum * mean_i ||f_i||, detached from the graph.

    Source: Zhang, Li, Zhang: Deep Metric Learning with Spherical Embedding, NeurIPS 2020.
    momentum 1 (the released code's default) is the plain batch mean.

    Args:
        weight: the paper's eta, >= 0.
        momentum: the paper's rho, in (0, 1].
    """

    mean_norm: Tensor

    def __init__(self, weight: float = 1.0, momentum: float = 1.0) -> None:
        super().__init__()
        if weight < 0:
            raise UsageError(f"SphericalConstraint weight: must not be negative, got {weight}")
        if not 0 < momentum <= 1:
            raise UsageError(f"SphericalConstraint momentum: must be in (0, 1], got {momentum}")
        self.weight = weight
        self.momentum = momentum
        self.register_buffer("mean_norm", torch.tensor(float("nan")))  # NaN: no batch seen yet

    def forward(self, embeddings: Tensor) -> Tensor:
        """Embeddings [B, D], not normalised -> scalar penalty.

        In training mode the running mean moves; in evaluation mode it is used as it stands.
        """
        if embeddings.ndim != 2 or not len(embeddings):
            raise UsageError(
                f"SphericalConstraint: expected [B, D] with B > 0, got {tuple(embeddings.shape)}"
            )
        # half types would lose the small differences of norms that this is about
        rows = full_precision(embeddings)
        norms = torch.linalg.vector_norm(rows.detach(), dim=1)
        if self.mean_norm.dtype != norms.dtype:
            self.mean_norm = self.mean_norm.to(norms.dtype)
        mean = self.mean_norm
        if self.training or mean.isnan():
            mean = self._moved(norms.mean())
            if self.training:
                self.mean_norm.copy_(mean)
        penalty: Tensor = _MeanSquare.apply(rows, norms, norms - mean, self.weight)
        return penalty

    def _moved(self, batch_mean: Tensor) -> Tensor:
        """The running mean after a batch."""
        if self.momentum == 1:
            return batch_mean
        moved = torch.lerp(self.mean_norm, batch_mean, self.momentum)
        # NaN before the first batch; chosen without asking the device
        return torch.where(moved.isnan(), batch_mean, moved)


class _MeanSquare(torch.autograd.Function):
    """weight * the mean square of deviations [B] of the norms [B] of rows [B, D].

    Its gradient on the rows, 2 weight / B * deviation / norm * row, by itself: autograd takes five
    times as long, more than a tenth of the loss around which the constraint is put.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, norms: Tensor, deviations: Tensor, weight: float) -> Tensor:
        factor = weight / len(rows)
        # a zero row has no direction: whatever it is divided by, it stays zero
        slopes = deviations * (2 * factor) / norms.clamp(min=1e-12)
        ctx.save_for_backward(rows, slopes.unsqueeze(1))
        return torch.dot(deviations, deviations) * factor

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        first_derivative_only()
        rows, slopes = ctx.saved_tensors
        return rows * (slopes * gradient), None, None, None
