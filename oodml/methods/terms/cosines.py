"""Cosines within a batch, and sums of exponentials over some of them."""

from __future__ import annotations

import torch
from torch import Tensor

from oodml.methods.terms.pairs import products, unit_rows


def batch_cosines(embeddings: Tensor) -> Tensor:
    """[n, D] -> cosines of all pairs [n, n]; 0 for a zero vector."""
    return products(unit_rows(embeddings))


def log_sum_exp(values: Tensor, kept: Tensor) -> Tensor:
    """log sum_j e^v_ij over the kept columns [n, m] -> [n]; hugely negative, finite, where none is.

    Not minus infinity: its gradient would be NaN.
    """
    return values.masked_fill(~kept, torch.finfo(values.dtype).min).logsumexp(dim=1)
