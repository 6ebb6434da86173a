"""Split: the items a cell trains, selects and is tested on, and the condition that made it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import UsageError


@dataclass(frozen=True)
class Items:
    """Some items of a data set with their classes.

    Attributes:
        rows: int64 [n], ascending rows of the data set.
        labels: int64 [n], index into ``class_names``.
        class_names: the classes, sorted; each has an item.
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def names(self) -> list[str]:
        """The class name of every item, [n]."""
        return [self.class_names[label] for label in self.labels]


@dataclass(frozen=True)
class Split:
    """What one cell sees.

    Attributes:
        condition: the registered condition that made it.
        level: rung of the ladder.
        draw: which of several draws of the condition; None where it has one.
        shift: of the classes split this way; of the level where the condition does not measure one
            of its own; NaN where it was never measured.
        train, val: items to learn from and to select by. A rule that selects without validation
            trains on both.
        test: items the embedding is tested on.
        gallery: items that test items retrieve; None: test items retrieve each other.
        trained_as: the condition whose training this split shares, to the bit; its own by default.
    """

    condition: str
    level: int
    draw: int | None
    shift: float
    train: Items
    val: Items
    test: Items
    gallery: Items | None = None
    trained_as: str = ""

    @property
    def training_condition(self) -> str:
        """The condition whose cells are trained as this split's are."""
        return self.trained_as or self.condition

    @property
    def train_classes(self) -> int:
        """Number of classes of train and val together."""
        return len(set(self.train.class_names) | set(self.val.class_names))


@dataclass(frozen=True)
class ItemTable:
    """Ids and classes of all items of a data set, in its order.

    Attributes:
        ids: [N] image ids.
        labels: int64 [N], index into ``class_names``.
        class_names: sorted.
    """

    ids: tuple[str, ...]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]

    @cached_property
    def row_of(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.ids)}

    def of_classes(self, names: Iterable[str]) -> Items:
        """All items of some classes."""
        classes = tuple(sorted(names))
        place = {name: position for position, name in enumerate(classes)}
        of_label = np.array([place.get(name, -1) for name in self.class_names], dtype=np.int64)
        positions = of_label[self.labels]
        rows = np.flatnonzero(positions >= 0)
        return Items(rows, positions[rows], classes)

    def of_images(self, images: Mapping[str, Iterable[str]]) -> Items:
        """Chosen images of each class: class name -> ids. Classes without one are left out."""
        chosen = {name: list(ids) for name, ids in images.items()}
        rows = np.sort(np.array([self.row_of[i] for c in chosen.values() for i in c], np.int64))
        every = self.of_classes(name for name, ids in chosen.items() if ids)
        keep = np.isin(every.rows, rows)
        return Items(every.rows[keep], every.labels[keep], every.class_names)

    def images_of(self, names: Iterable[str]) -> dict[str, list[str]]:
        """Class name -> ids of all its images."""
        items = self.of_classes(names)
        found: dict[str, list[str]] = {name: [] for name in items.class_names}
        for row, label in zip(items.rows, items.labels, strict=True):
            found[items.class_names[label]].append(self.ids[row])
        return found


def joined(parts: Iterable[Items]) -> Items:
    """Items of several parts together, over the sorted union of their classes.

    Raises:
        UsageError: an item stands in two parts.
    """
    listed = list(parts)
    names = tuple(sorted({name for part in listed for name in part.class_names}))
    place = {name: position for position, name in enumerate(names)}
    rows = np.concatenate([part.rows for part in listed])
    labels = np.concatenate(
        [
            np.array([place[name] for name in part.class_names], np.int64)[part.labels]
            for part in listed
        ]
    )
    if len(np.unique(rows)) != len(rows):
        raise UsageError("an item stands in two parts of a split")
    order = np.argsort(rows)
    return Items(rows[order], labels[order], names)
