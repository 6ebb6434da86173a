"""k-shot adaptation: go on training a copy of the embedder on an episode's support set."""

from __future__ import annotations

import copy

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray

from oodml.methods import Adaptation, Method, Objective
from oodml.training.loop import train
from oodml.training.model import Embedder
from oodml.training.settings import TrainingSettings
from oodml.training.sources import ItemSource, SealedSource


def adapt(
    embedder: Embedder,
    adaptation: Adaptation,
    method: Method,
    source: ItemSource,
    support: NDArray[np.int64],
    support_labels: NDArray[np.int64],
    *,
    rows: int,
    shots: int,
    fabric: Fabric,
    settings: TrainingSettings,
    seed: int,
) -> tuple[Embedder, Objective]:
    """A copy of ``embedder`` adapted to the support items, and the objective trained with it.

    With fewer shots than the adaptation needs, the copy is returned as it is.

    Args:
        support: int64 [s], items to learn from; only these are opened to training.
        support_labels: int64 [s], their classes as 0..C-1.
        rows: number of items of ``source``.
        shots: support items a class; bounds the images of a class in a batch.
    """
    copied = copy.deepcopy(embedder)
    num_classes = int(support_labels.max()) + 1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        objective = adaptation.objective(settings.embedding_dim, num_classes)
    if shots >= adaptation.minimum_shots:
        train(
            copied,
            objective,
            SealedSource(source, support, rows),
            support,
            support_labels,
            fabric=fabric,
            settings=settings,
            steps=adaptation.steps,
            images_per_class=min(method.images_per_class, shots),
            learning_rate_factor=adaptation.learning_rate_factor,
            seed=seed,
        )
    return copied, objective
