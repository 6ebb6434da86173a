"""Images that nothing augments, kept in memory once they are loaded."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from oodml.datasets import ClassDataset
from oodml.features.preprocessing import Preprocessing

_MOST_BYTES = 1 << 30
_BATCH = 1024


class PlainImages:
    """Small images as they are evaluated, for training too: each is decoded once.

    For networks on drawings, whose updates take less time than decoding a batch. Two threads may
    load the same image at once; both write the same pixels.

    Args:
        dataset: of images; all of them at their input size must fit `fits_in_memory`.
    """

    augments = False

    def __init__(self, dataset: ClassDataset, preprocessing: Preprocessing) -> None:
        self.rows = len(dataset)
        self._dataset = dataset
        self._preprocessing = preprocessing
        self._views = np.zeros((self.rows, *preprocessing.shape), np.float32)
        self._loaded = np.zeros(self.rows, dtype=bool)

    @staticmethod
    def fits_in_memory(rows: int, preprocessing: Preprocessing) -> bool:
        """Whether so many images take less than 1 GiB at the network's input size."""
        return rows * int(np.prod(preprocessing.shape)) * 4 <= _MOST_BYTES

    def training_batch(self, indices: NDArray[np.int64], seed: int) -> Tensor:
        return self._views_of(indices)

    def evaluation_batches(self, indices: NDArray[np.int64]) -> Iterator[Tensor]:
        for start in range(0, len(indices), _BATCH):
            yield self._views_of(indices[start : start + _BATCH])

    def _views_of(self, indices: NDArray[np.int64]) -> Tensor:
        for index in np.unique(indices[~self._loaded[indices]]):
            image = self._dataset.load_image(int(index))
            self._views[index] = self._preprocessing.evaluation_view(image)
            self._loaded[index] = True
        return torch.from_numpy(self._views[indices])
