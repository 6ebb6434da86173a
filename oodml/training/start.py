"""Where a head begins: at what the backbone knows already."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from oodml.core.threads import one_decomposition_thread


@torch.no_grad()
def start_from_features(
    head: nn.Module, features: NDArray[np.float32], input_length: float = 0.0
) -> bool:
    """Let every linear layer of ``head`` that reads the features begin as a projection of them.

    With as many columns as the features the layer begins as the identity, so that step 0 scores
    what frozen features score; with fewer as the leading principal directions of ``features``
    (uncentred, which keeps most of their cosines); with more as the identity above zeros. Bias 0.

    Below a batch norm (``input_norm``) all this is about the features with each column at mean 0 and
    variance 1, and its running statistics begin as theirs: the start is the standardised features,
    which retrieve otherwise than the features do.

    Args:
        head: an ``nn.Linear``, or a head with ``input_layers``.
        features: float32 [n, F], rows of items that are trained on.
        input_length: what rows are scaled to before the head; 0 leaves them.

    Returns:
        Whether the head has such a layer; others keep their random weights.
    """
    layers = [head] if isinstance(head, nn.Linear) else list(getattr(head, "input_layers", ()))
    norm = getattr(head, "input_norm", None)
    if layers and isinstance(norm, nn.BatchNorm1d):
        features = _standardised(norm, features, input_length)
    narrow = [layer for layer in layers if layer.out_features < layer.in_features]
    directions = _principal_directions(features) if narrow else None
    for layer in layers:
        start = torch.eye(layer.out_features, layer.in_features)
        if directions is not None and layer in narrow:
            start = torch.from_numpy(directions[: layer.out_features])
        layer.weight.copy_(start)
        if layer.bias is not None:
            layer.bias.zero_()
    return bool(layers)


def _standardised(
    norm: nn.BatchNorm1d, features: NDArray[np.float32], input_length: float
) -> NDArray[np.float32]:
    """What the batch norm makes of the scaled features once its statistics are theirs: [n, F]."""
    rows = features.astype(np.float64)
    if input_length:
        rows = input_length * _unit(rows)
    mean, variance = rows.mean(axis=0), rows.var(axis=0)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.copy_(torch.from_numpy(mean))
    norm.running_var.copy_(torch.from_numpy(variance))
    return ((rows - mean) / np.sqrt(variance + norm.eps)).astype(np.float32)


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths == 0, 1.0, lengths)


def _principal_directions(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Right singular vectors of unit rows, the leading first: float32 [F, F].

    The sign of each is that of its largest entry, so that it is the same on every machine.
    """
    rows = _unit(features.astype(np.float64))
    with one_decomposition_thread(rows.shape[1]):
        _, vectors = np.linalg.eigh(rows.T @ rows)
    leading = vectors[:, ::-1].T
    largest = np.take_along_axis(leading, np.abs(leading).argmax(axis=1)[:, None], axis=1)
    return np.ascontiguousarray(leading * np.sign(largest), dtype=np.float32)
