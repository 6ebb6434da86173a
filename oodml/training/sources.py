"""Where a step's inputs come from: cached features or augmented images; and the seal."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from oodml.core.errors import OodmlError
from oodml.core.hashing import derived_seed
from oodml.datasets import ClassDataset
from oodml.features.preprocessing import Preprocessing

_EVALUATION_BATCH = {"features": 4096, "images": 64}
_CROP_TRIES = 10


class ItemSource(Protocol):
    """Inputs of the model by item index (rows of the data set).

    Attributes:
        augments: whether two training inputs of one item differ.
        rows: number of items.
    """

    augments: bool
    rows: int

    def training_batch(self, indices: NDArray[np.int64], seed: int) -> Tensor:
        """Inputs of a training step; ``seed`` decides the augmentation."""

    def evaluation_batches(self, indices: NDArray[np.int64]) -> Iterator[Tensor]:
        """Un-augmented inputs of the items, in order, in batches."""


def training_slice(source: ItemSource, items: NDArray[np.int64], seed: int, rows: slice) -> Tensor:
    """Some rows of ``source.training_batch(items, seed)``.

    A source that can give them alone has a method ``training_slice(items, seed, rows)``; of any
    other the whole batch is loaded.
    """
    alone = getattr(source, "training_slice", None)
    found: Tensor = (
        source.training_batch(items, seed)[rows] if alone is None else alone(items, seed, rows)
    )
    return found


class CachedFeatures:
    """Rows of a feature table: the backbone is frozen, nothing is augmented.

    Args:
        features: float32 [N, D], may be memory-mapped.
    """

    augments = False

    def __init__(self, features: NDArray[np.float32]) -> None:
        self._features = features
        self.rows = len(features)

    def training_batch(self, indices: NDArray[np.int64], seed: int) -> Tensor:
        return torch.from_numpy(self._features[indices])

    def evaluation_batches(self, indices: NDArray[np.int64]) -> Iterator[Tensor]:
        size = _EVALUATION_BATCH["features"]
        for start in range(0, len(indices), size):
            yield torch.from_numpy(self._features[indices[start : start + size]])


class AugmentedImages:
    """Images of a data set through random resized crops and flips.

    The crop's area share is uniform on [min_crop, 1], its aspect ratio log-uniform on [3/4, 4/3]
    (torchvision's RandomResizedCrop rule). Keep one for all runs of a process: it owns threads.
    """

    augments = True

    def __init__(
        self, dataset: ClassDataset, preprocessing: Preprocessing, min_crop: float, flip: bool
    ) -> None:
        self._dataset = dataset
        self.rows = len(dataset)
        self._preprocessing = preprocessing
        self._min_crop = min_crop
        self._flip = flip
        self._pool = ThreadPoolExecutor(4)

    def training_batch(self, indices: NDArray[np.int64], seed: int) -> Tensor:
        return self.training_slice(indices, seed, slice(None))

    def training_slice(self, indices: NDArray[np.int64], seed: int, rows: slice) -> Tensor:
        """Some rows of a training batch, augmented as they are in the whole."""

        def view(position: int) -> NDArray[np.float32]:
            rng = np.random.default_rng(derived_seed("augmentation", seed, position))
            return self._augmented(self._dataset.load_image(int(indices[position])), rng)

        places = range(len(indices))[rows]
        return torch.from_numpy(np.stack(list(self._pool.map(view, places))))

    def evaluation_batches(self, indices: NDArray[np.int64]) -> Iterator[Tensor]:
        def view(index: int) -> NDArray[np.float32]:
            return self._preprocessing.evaluation_view(self._dataset.load_image(int(index)))

        size = _EVALUATION_BATCH["images"]
        for start in range(0, len(indices), size):
            rows = list(self._pool.map(view, indices[start : start + size]))
            yield torch.from_numpy(np.stack(rows))

    def _augmented(self, image: Image.Image, rng: np.random.Generator) -> NDArray[np.float32]:
        size = (self._preprocessing.size, self._preprocessing.size)
        box = _random_crop(image.size, self._min_crop, rng)
        view = image.resize(size, Image.Resampling.BILINEAR, box=box)
        if self._flip and rng.random() < 0.5:
            view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return self._preprocessing.normalised(view)


class SealedSource:
    """A source that gives only the items it was opened for; any other is a programming error.

    Training gets its data through this, so that no code path can touch a test image.
    """

    def __init__(self, source: ItemSource, allowed: NDArray[np.int64]) -> None:
        self._source = source
        self.augments = source.augments
        self.rows = source.rows
        self._allowed = np.zeros(source.rows, dtype=bool)
        self._allowed[allowed] = True

    def training_batch(self, indices: NDArray[np.int64], seed: int) -> Tensor:
        self._check(indices)
        return self._source.training_batch(indices, seed)

    def training_slice(self, indices: NDArray[np.int64], seed: int, rows: slice) -> Tensor:
        """Some rows of a training batch, as the source gives them."""
        self._check(indices)
        return training_slice(self._source, indices, seed, rows)

    def evaluation_batches(self, indices: NDArray[np.int64]) -> Iterator[Tensor]:
        self._check(indices)
        return self._source.evaluation_batches(indices)

    def _check(self, indices: NDArray[np.int64]) -> None:
        if not self._allowed[indices].all():
            outside = int(indices[~self._allowed[indices]][0])
            raise OodmlError(
                f"item {outside} is outside what training may see; the test side is sealed"
            )


def _random_crop(
    size: tuple[int, int], min_share: float, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    width, height = size
    for _ in range(_CROP_TRIES):
        area = width * height * rng.uniform(min_share, 1.0)
        ratio = float(np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3))))
        w, h = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
        if 0 < w <= width and 0 < h <= height:
            left, top = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
            return left, top, left + w, top + h
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side
