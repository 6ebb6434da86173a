"""Cached features: the backbone is frozen."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_EVALUATION_BATCH = 4096


class CachedFeatures:
    """Rows of a feature table: the backbone is frozen, nothing is augmented.

    Args:
        features: float32 [N, D], may be memory-mapped.
    """

    augments = False
    immediate = True

    def __init__(self, features: NDArray[np.float32]) -> None:
        self._features = features
        self.rows = len(features)

    def training_batch(self, indices: NDArray[np.int64], seed: int) -> Tensor:
        return torch.from_numpy(self._features[indices])

    def evaluation_batches(self, indices: NDArray[np.int64]) -> Iterator[Tensor]:
        for start in range(0, len(indices), _EVALUATION_BATCH):
            yield torch.from_numpy(self._features[indices[start : start + _EVALUATION_BATCH]])
