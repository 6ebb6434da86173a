"""Cosines within a batch, and who is of whose class."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from oodml.methods.step import full_precision


def batch_cosines(embeddings: Tensor) -> Tensor:
    """[n, D] -> cosines of all pairs [n, n]; 0 for a zero vector."""
    unit = F.normalize(full_precision(embeddings), dim=1)
    return unit @ unit.T


def pair_masks(labels: Tensor) -> tuple[Tensor, Tensor]:
    """(positive, negative) bool [n, n]: another item of the row's class, an item of another."""
    same = labels[:, None] == labels[None, :]
    self_pairs = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    return same & ~self_pairs, ~same


def log_sum_exp(values: Tensor, kept: Tensor) -> Tensor:
    """log sum_j e^v_ij over the kept columns [n, m] -> [n]; hugely negative, finite, where none is.

    Not minus infinity: its gradient would be NaN.
    """
    return values.masked_fill(~kept, torch.finfo(values.dtype).min).logsumexp(dim=1)
