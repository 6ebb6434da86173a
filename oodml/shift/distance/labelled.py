"""Features with class names and image ids, whatever form they came in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError, UsageError
from oodml.core.labels import LabelList, Labels, plain_labels
from oodml.core.matrix import as_matrix
from oodml.core.short_repr import short_fields
from oodml.shift.distance.means import ClassMeans, class_means


@dataclass(frozen=True, repr=False)
class LabelledFeatures:
    """Feature rows with class names.

    Attributes:
        features: [N, D] rows that have a label.
        names: [N] their class names.
        image_ids: [N] their ids, or None.
        manifest: what is known of the features.
        unlabelled: rows left out because their label is missing (`oodml.core.labels`). Such rows
            are distractors in an evaluation; no class of a ladder has a use for them.
    """

    features: NDArray[Any]
    names: NDArray[np.str_]
    image_ids: Sequence[str] | None
    manifest: Mapping[str, Any] = field(default_factory=dict)
    unlabelled: int = 0

    @classmethod
    def of(
        cls,
        features: Any,
        labels: Sequence[Any] | None = None,
        image_ids: Sequence[str] | None = None,
        class_names: Sequence[str] | None = None,
    ) -> LabelledFeatures:
        """From arrays, or from a feature table (then ``labels`` may be left out).

        Raises:
            UsageError, DataError: labels, names or ids that do not fit the features.
        """
        if hasattr(features, "class_names") and hasattr(features, "features"):
            table = features
            if labels is None:
                labels = np.asarray(table.class_names, dtype=str)[np.asarray(table.labels)]
            return cls._labelled_rows(table.features, labels, table.image_ids, None, table.manifest)
        if labels is None:
            raise UsageError("labels are missing: give a class name or number for every row")
        array = as_matrix(features, "features", image_ids)
        if image_ids is not None and len(set(image_ids)) != len(image_ids):
            raise DataError("image_ids: ids must be unique")
        return cls._labelled_rows(array, labels, image_ids, class_names, {})

    @classmethod
    def _labelled_rows(
        cls,
        features: NDArray[Any],
        labels: Sequence[Any],
        image_ids: Sequence[str] | None,
        class_names: Sequence[str] | None,
        manifest: Mapping[str, Any],
    ) -> LabelledFeatures:
        """Rows with a label; all of them, without a copy, where none is missing."""
        column = plain_labels(labels)
        if isinstance(column, np.ndarray) or None not in column:
            return cls(features, _class_names(column, class_names), image_ids, manifest)
        rows = [row for row, label in enumerate(column) if label is not None]
        if not rows:
            raise DataError('no row has a label: all of them are None, NaN or ""')
        if len(features) != len(column):
            raise DataError(f"{len(features)} feature rows but {len(column)} labels")
        if image_ids is not None and len(image_ids) != len(column):
            raise DataError(f"{len(column)} feature rows but {len(image_ids)} image ids")
        return cls(
            features[rows],
            _class_names(LabelList(column[row] for row in rows), class_names),
            None if image_ids is None else [image_ids[row] for row in rows],
            manifest,
            len(column) - len(rows),
        )

    def means(self) -> ClassMeans:
        """Class means; DataError for shapes that do not fit and values that are not finite."""
        return class_means(self.features, self.names, image_ids=self.image_ids)

    __repr__ = short_fields


def _class_names(labels: Labels, class_names: Sequence[str] | None) -> NDArray[np.str_]:
    if class_names is None:
        return np.asarray(labels).astype(str)
    if len(set(class_names)) != len(class_names):
        twice = next(n for n in class_names if list(class_names).count(n) > 1)
        raise DataError(f"class name {twice!r} stands more than once; class names must be unique")
    if "" in class_names:
        raise DataError('class_names: a class needs a name; label its rows None or "" instead')
    if any(isinstance(label, str) for label in labels):
        raise UsageError("class_names go with integer labels; these labels are names already")
    values = np.asarray(labels, np.int64)
    if len(values) and (values.min() < 0 or values.max() >= len(class_names)):
        raise DataError(
            f"labels run from {values.min()} to {values.max()}, "
            f"but there are {len(class_names)} class names"
        )
    return np.asarray(class_names, dtype=str)[values]
