"""Unit rows and products of rows with each other, whose gradients take few operations.

Own code: autograd goes through torch's normalisation in ten operations over all columns, which is most
of the time of a loss on pairs, and multiplies twice for a product that is symmetric. Values are the
same; there is no second derivative.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from oodml.methods.step import full_precision

_LEAST_NORM = 1e-12  # as torch's normalisation


def unit_rows(embeddings: Tensor) -> Tensor:
    """Rows [n, D] divided by their norms, at least float32; a zero row stays zero."""
    unit: Tensor = _Unit.apply(full_precision(embeddings))
    return unit


def products(rows: Tensor) -> Tensor:
    """Inner products of rows [n, D] with each other: [n, n]."""
    found: Tensor = _Products.apply(rows)
    return found


def first_derivative_only() -> None:
    """Called in a backward that autograd cannot go through again: RuntimeError where it would.

    torch's own `once_differentiable` costs as much as the arithmetic here.
    """
    if torch.is_grad_enabled():
        raise RuntimeError("this loss has a first derivative only; leave out create_graph=True")


class _Unit(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        norms = torch.linalg.vector_norm(rows, dim=1, keepdim=True).clamp_min_(_LEAST_NORM)
        unit = rows / norms
        ctx.save_for_backward(unit, norms)
        return unit

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        first_derivative_only()
        unit, norms = ctx.saved_tensors
        along = (gradient * unit).sum(dim=1, keepdim=True)
        along.masked_fill_(norms <= _LEAST_NORM, 0.0)  # there the divisor is fixed
        return torch.addcmul(gradient, unit, along, value=-1).div_(norms)


class _Products(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        return rows @ rows.T

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        first_derivative_only()
        (rows,) = ctx.saved_tensors
        return (gradient + gradient.T) @ rows
