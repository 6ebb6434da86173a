"""The time of an update, from a few on made-up inputs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from oodml.methods import Dims, Method
from oodml.training import Embedder, Feed, TrainingSettings, batches_of, train

_PROBE_STEPS = 3
# Made-up items of a class: more than any rule draws of one.
_STAND_INS = 256


class _RandomInputs:
    """Inputs of the right shape for timing, standing in for a data set that is not opened."""

    augments = True

    def __init__(self, shape: tuple[int, ...], rows: int) -> None:
        self.rows = rows
        self._shape = shape

    def training_batch(self, indices: NDArray[np.int64], seed: int) -> Tensor:
        return torch.randn(len(indices), *self._shape)

    def evaluation_batches(self, indices: NDArray[np.int64]) -> Iterator[Tensor]:
        raise NotImplementedError


def stand_in_labels(method: Method, size: int) -> NDArray[np.int64]:
    """Classes of made-up items that a batch of ``size`` can be drawn from, whatever the rule."""
    classes = max(2, size // method.images_per_class)
    each = max(2 * method.images_per_class, min(size, _STAND_INS))
    return np.arange(classes * each, dtype=np.int64) % classes


def seconds_a_step(
    method: Method, settings: TrainingSettings, trunk: nn.Module, feature_dim: int, shape: Any
) -> float:
    """Time of one update on random inputs of ``shape``, from a few real ones on the processor."""
    labels = stand_in_labels(method, settings.batch_size)
    classes = int(labels.max()) + 1
    dims = Dims(feature_dim, settings.embedding_dim or feature_dim, classes)
    source = _RandomInputs(tuple(shape), len(labels))
    marks: list[float] = []
    train(
        Embedder.of(method, trunk, dims, settings),
        method.terms(dims),
        Feed(
            source,
            np.arange(len(labels)),
            labels,
            batches_of(method, settings),
            settings.batch_size,
            0,
        ),
        settings.for_steps(_PROBE_STEPS),  # from the first on with the backbone, if it trains
        Fabric(accelerator="cpu", devices=1),
        parts=settings.parts,
        on_step=lambda _: marks.append(time.perf_counter()),
    )
    # the first step pays for set-up, the later ones are the rule
    return (marks[-1] - marks[0]) / (len(marks) - 1)
