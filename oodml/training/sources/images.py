"""Images through random views, loaded by threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from oodml.core.hashing import derived_seed
from oodml.core.threads import available_threads
from oodml.datasets import ClassDataset
from oodml.datasets.resized import ResizedImages
from oodml.features.preprocessing import Preprocessing
from oodml.training.augmentation import Augmentation

_EVALUATION_BATCH = 64
# Beyond this the interpreter's lock is what images wait for.
_MOST_THREADS = 32

View = Callable[[int, NDArray[np.float32]], None]


class AugmentedImages:
    """Images of a data set through a recipe of random views.

    Decoding and resizing release the interpreter's lock, so threads do it, and each writes its view
    to its place in the batch. Keep one for all runs of a process: it owns them.

    Args:
        dataset: of images.
        preprocessing: the backbone's; training views are normalised as it says.
        augmentation: the recipe of the training views.
        store: images of the data set resized before. Training views are cut from these; so are
            evaluation views where that is bit for bit the same (the store has the preprocessing's
            short side and interpolation), else they come from the images themselves.
    """

    def __init__(
        self,
        dataset: ClassDataset,
        preprocessing: Preprocessing,
        augmentation: Augmentation,
        store: ResizedImages | None = None,
    ) -> None:
        self.augments = augmentation.varies
        self.rows = len(dataset)
        self._preprocessing = preprocessing
        self._augmentation = augmentation
        self._load: Callable[[int], Image.Image] = store.load if store else dataset.load_image
        serves = store is not None and (store.side, store.interpolation) == (
            preprocessing.resize,
            preprocessing.interpolation,
        )
        self._load_whole = self._load if serves else dataset.load_image
        self._pool = ThreadPoolExecutor(min(_MOST_THREADS, max(4, available_threads())))

    def training_batch(self, indices: NDArray[np.int64], seed: int) -> Tensor:
        return self.training_slice(indices, seed, slice(None))

    def training_slice(self, indices: NDArray[np.int64], seed: int, rows: slice) -> Tensor:
        """Some rows of a training batch, augmented as they are in the whole."""

        def view(position: int, out: NDArray[np.float32]) -> None:
            rng = np.random.default_rng(derived_seed("augmentation", seed, position))
            image = self._load(int(indices[position]))
            image = self._augmentation.view(image, self._preprocessing, rng)
            self._preprocessing.normalised(image, out)

        return self._batch(view, range(len(indices))[rows])

    def evaluation_batches(self, indices: NDArray[np.int64]) -> Iterator[Tensor]:
        def view(index: int, out: NDArray[np.float32]) -> None:
            self._preprocessing.evaluation_view(self._load_whole(index), out)

        for start in range(0, len(indices), _EVALUATION_BATCH):
            yield self._batch(view, indices[start : start + _EVALUATION_BATCH].tolist())

    def _batch(self, view: View, which: range | list[int]) -> Tensor:
        batch = np.empty((len(which), *self._preprocessing.shape), np.float32)
        for _ in self._pool.map(view, which, batch):
            pass
        return torch.from_numpy(batch)
