"""How well a model does on the support set it adapts to: what its stopping rule sees."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from oodml.core.errors import OodmlError
from oodml.core.hashing import derived_seed
from oodml.methods import Term
from oodml.methods.batch_rule import items_by_class
from oodml.methods.term import classifier_of
from oodml.training.model import embed
from oodml.training.sources import ItemSource


@dataclass(frozen=True)
class SupportScores:
    """Scores in [0, 1] on the support alone, un-augmented, by what decides in the end.

    Attributes:
        predictor: "classifier": accuracy of the terms' own; "prototype": mean accuracy of
            ``episodes`` episodes among the support; others: leave-one-out Recall@1, cosine.
        support, labels: int64 [s], items and their classes 0..C-1.
        seed: of the episodes, the same at every score.
    """

    predictor: str
    source: ItemSource
    support: NDArray[np.int64]
    labels: NDArray[np.int64]
    terms: Iterable[Term]
    fabric: Fabric
    episodes: int
    seed: int

    def training(self, model: nn.Module) -> float:
        rows = torch.from_numpy(embed(model, self.source, self.support, self.fabric))
        labels = torch.from_numpy(self.labels)
        if self.predictor == "classifier":
            with torch.inference_mode():
                said = classifier_of(self.terms).predict(self.fabric.to_device(rows)).cpu()
            return float((said == labels).double().mean())
        if self.predictor == "prototype":
            return prototype_accuracy(rows, self.labels, self.episodes, self.seed)
        return leave_one_out_recall(rows, labels)

    def validation(self, model: nn.Module) -> float:
        raise OodmlError("a support set has no validation side")

    validation_recall = validation


def leave_one_out_recall(rows: Tensor, labels: Tensor) -> float:
    """Share of rows [s, D] whose nearest other row, by cosine, is of their class."""
    unit = nn.functional.normalize(rows.double(), dim=1)
    cosines = (unit @ unit.T).fill_diagonal_(float("-inf"))
    return float((labels[cosines.argmax(dim=1)] == labels).double().mean())


def prototype_accuracy(rows: Tensor, labels: NDArray[np.int64], episodes: int, seed: int) -> float:
    """Mean accuracy of episodes: floor(0.75 k) items a class are support, the others queries.

    A query goes to the nearest class mean, by Euclidean distance. At least one item of a class is
    support; a class with a single item has no query.
    """
    items = items_by_class(labels)
    counts = [max(1, int(0.75 * len(one))) for one in items]
    rng = np.random.default_rng(derived_seed("support episodes", seed))
    values = []
    for _ in range(episodes):
        orders = [rng.permutation(one) for one in items]
        means = torch.stack([rows[o[:c]].mean(dim=0) for o, c in zip(orders, counts, strict=True)])
        queries = np.concatenate([o[c:] for o, c in zip(orders, counts, strict=True)])
        truth = np.repeat(
            np.arange(len(items)), [len(o) - c for o, c in zip(orders, counts, strict=True)]
        )
        nearest = torch.cdist(rows[queries], means).argmin(dim=1).numpy()
        values.append((nearest == truth).mean() if len(truth) else 0.0)
    return float(np.mean(values))
