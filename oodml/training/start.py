"""Where a head begins: at what the backbone knows already."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from oodml.core.threads import one_decomposition_thread


@torch.no_grad()
def start_from_features(head: nn.Module, features: NDArray[np.float32]) -> bool:
    """Let every linear layer of ``head`` that reads the features begin as a projection of them.

    With as many columns as the features the layer begins as the identity, so that step 0 scores
    what frozen features score; with fewer as the leading principal directions of ``features``
    (uncentred, which keeps most of their cosines); with more as the identity above zeros. Bias 0.

    Args:
        head: an ``nn.Linear``, or a head with ``input_layers``.
        features: float32 [n, F], rows of items that are trained on.

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
    return bool(layers)


def _principal_directions(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Right singular vectors of unit rows, the leading first: float32 [F, F].

    The sign of each is that of its largest entry, so that it is the same on every machine.
    """
    rows = features.astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(lengths == 0, 1.0, lengths)
    with one_decomposition_thread(rows.shape[1]):
        _, vectors = np.linalg.eigh(rows.T @ rows)
    leading = vectors[:, ::-1].T
    largest = np.take_along_axis(leading, np.abs(leading).argmax(axis=1)[:, None], axis=1)
    return np.ascontiguousarray(leading * np.sign(largest), dtype=np.float32)
