"""A setting: a data set, a ladder on it and the backbone it is seen through."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from oodml.core.hashing import sha256_json
from oodml.runs.plan.split import Split


@dataclass(frozen=True)
class SplitSummary:
    """What the plan keeps of a split: which one it is, and the columns about it.

    Attributes:
        train_classes, val_classes, test_classes: numbers of classes with items there.
        test_images: number of test items.
        shift: None where it was never measured.
        trained_as: the condition whose training it shares; its own for most.
    """

    condition: str
    level: int
    draw: int | None
    shift: float | None
    train_classes: int
    val_classes: int
    test_classes: int
    test_images: int
    trained_as: str

    @classmethod
    def of(cls, split: Split) -> SplitSummary:
        return cls(
            condition=split.condition,
            level=split.level,
            draw=split.draw,
            shift=None if math.isnan(split.shift) else split.shift,
            train_classes=len(split.train.class_names),
            val_classes=len(split.val.class_names),
            test_classes=len(split.test.class_names),
            test_images=len(split.test),
            trained_as=split.training_condition,
        )


@dataclass(frozen=True)
class Setting:
    """A data set x ladder x backbone of a benchmark.

    Attributes:
        dataset_fingerprint, ladder_sha256, features_key: hashes of their content; "" in an outline,
            which is made before any of them is.
        pretraining: the data the backbone's weights saw.
        ladder_folder, items_file: where they lie, relative to the benchmark's folder.
        splits: of all conditions and levels, in the order cells are run.
    """

    dataset: str
    dataset_fingerprint: str
    ladder: str
    ladder_sha256: str
    shift_measure: str
    backbone: str
    image_size: int | None
    features_key: str
    pretraining: str
    ladder_folder: str
    items_file: str
    splits: tuple[SplitSummary, ...]

    @property
    def id(self) -> str:
        """Eight hex digits that tell the settings of a table apart."""
        return setting_id(self.dataset_fingerprint, self.ladder_sha256, self.features_key)

    @property
    def title(self) -> str:
        return f"{self.dataset}, ladder {self.ladder}, backbone {self.backbone}"


def setting_id(dataset_fingerprint: str, ladder_sha256: str, features_key: str) -> str:
    return sha256_json([dataset_fingerprint, ladder_sha256, features_key])[:8]


def setting_from_json(content: dict[str, Any]) -> Setting:
    """A setting as ``asdict`` gave it."""
    splits: Iterable[dict[str, Any]] = content["splits"]
    # plans made before conditions could share a training have none that do
    known = tuple(SplitSummary(**{"trained_as": one["condition"], **one}) for one in splits)
    return Setting(**{**content, "splits": known})
