"""Counts and warnings of a data set, for people and for ``--json``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from oodml.datasets.base import ClassDataset, shorten


@dataclass(frozen=True)
class DatasetSummary:
    """What ``oodml data show`` prints. Counts are of images or vectors unless named otherwise."""

    name: str
    fingerprint: str
    images: int
    classes: int
    per_class_min: int
    per_class_median: float
    per_class_max: int
    dimensions: int | None
    superclasses: dict[str, int] | None  # name -> number of classes
    default_split: dict[str, dict[str, int]] | None  # side -> classes, images
    warnings: tuple[str, ...]


def describe(dataset: ClassDataset) -> DatasetSummary:
    """Count images, classes, superclasses and sides; warn of classes that cannot be queried."""
    counts = np.bincount(dataset.labels, minlength=len(dataset.class_names))
    return DatasetSummary(
        name=dataset.name,
        fingerprint=dataset.fingerprint,
        images=len(dataset),
        classes=len(dataset.class_names),
        per_class_min=int(counts.min()),
        per_class_median=float(np.median(counts)),
        per_class_max=int(counts.max()),
        dimensions=None if dataset.vectors is None else int(dataset.vectors.shape[1]),
        superclasses=_superclass_sizes(dataset),
        default_split=_split_sizes(
            dataset, dict(zip(dataset.class_names, counts.tolist(), strict=True))
        ),
        warnings=tuple(_warnings(dataset, counts.tolist())),
    )


def _superclass_sizes(dataset: ClassDataset) -> dict[str, int] | None:
    if dataset.superclass_of is None:
        return None
    sizes = Counter(dataset.superclass_of[name] for name in dataset.class_names)
    return dict(sorted(sizes.items()))


def _split_sizes(
    dataset: ClassDataset, count_of: dict[str, int]
) -> dict[str, dict[str, int]] | None:
    if dataset.default_split is None:
        return None
    return {
        side: {"classes": len(names), "images": sum(count_of[name] for name in names)}
        for side, names in zip(("train", "test"), dataset.default_split, strict=True)
    }


def _warnings(dataset: ClassDataset, counts: list[int]) -> list[str]:
    lone = [name for name, count in zip(dataset.class_names, counts, strict=True) if count == 1]
    found = []
    if lone:
        found.append(
            f"{len(lone)} of {len(counts)} classes have one image and cannot be queried: "
            f"{shorten(lone)}"
        )
    if len(counts) < 4:
        found.append(f"only {len(counts)} classes; a class split with validation needs at least 4")
    return found
