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

    Below a batch norm (``input_norm``) the layers undo it: its running statistics begin as those of
    the features, and the layers multiply by the deviations and add the means, so that the start is
    the same in evaluation mode, and but for a batch's own statistics while training.

    Args:
        head: an ``nn.Linear``, or a head with ``input_layers``.
        features: float32 [n, F], rows of items that are trained on.
        input_length: what rows are scaled to before the head; 0 leaves them.

    Returns:
        Whether the head has such a layer; others keep their random weights.
    """
    layers = [head] if isinstance(head, nn.Linear) else list(getattr(head, "input_layers", ()))
    narrow = [layer for layer in layers if layer.out_features < layer.in_features]
    directions = _principal_directions(features) if narrow else None
    for layer in layers:
        start = torch.eye(layer.out_features, layer.in_features)
        if directions is not None and layer in narrow:
            start = torch.from_numpy(directions[: layer.out_features])
        layer.weight.copy_(start)
        if layer.bias is not None:
            layer.bias.zero_()
    norm = getattr(head, "input_norm", None)
    if isinstance(norm, nn.BatchNorm1d):
        _undo(norm, layers, features, input_length)
    return bool(layers)


def _undo(
    norm: nn.BatchNorm1d,
    layers: list[nn.Linear],
    features: NDArray[np.float32],
    input_length: float,
) -> None:
    """Let the layers above ``norm`` give what they would give without it."""
    rows = features.astype(np.float64)
    if input_length:
        rows = input_length * _unit(rows)
    mean, variance = torch.from_numpy(rows.mean(axis=0)), torch.from_numpy(rows.var(axis=0))
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    for layer in layers:
        if layer.bias is not None:  # without one the features are centred
            layer.bias.copy_(layer.weight.double() @ mean)
        layer.weight.mul_((variance + norm.eps).sqrt())


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
