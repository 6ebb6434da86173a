"""Features with class names and image ids, whatever form they came in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError, UsageError
from oodml.shift.distance.means import ClassMeans, class_means


@dataclass(frozen=True)
class LabelledFeatures:
    """Feature rows [N, D], their class names [N], image ids [N] (or None) and their manifest."""

    features: NDArray[Any]
    names: NDArray[np.str_]
    image_ids: Sequence[str] | None
    manifest: Mapping[str, Any] = field(default_factory=dict)

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
            names = np.asarray(table.class_names, dtype=str)[np.asarray(table.labels)]
            if labels is not None:
                names = np.asarray(labels, dtype=str)
            return cls(table.features, names, table.image_ids, table.manifest)
        if labels is None:
            raise UsageError("labels are missing: give a class name or number for every row")
        array = np.asarray(features)
        if array.dtype.kind not in "fiu":
            raise DataError(f"features hold {array.dtype}, expected real numbers")
        if image_ids is not None and len(set(image_ids)) != len(image_ids):
            raise DataError("image_ids: ids must be unique")
        return cls(array, _class_names(labels, class_names), image_ids)

    def means(self) -> ClassMeans:
        """Class means; DataError for shapes that do not fit and values that are not finite."""
        return class_means(self.features, self.names, image_ids=self.image_ids)


def _class_names(labels: Sequence[Any], class_names: Sequence[str] | None) -> NDArray[np.str_]:
    values = np.asarray(labels)
    if class_names is None:
        return values.astype(str)
    if len(set(class_names)) != len(class_names):
        twice = next(n for n in class_names if list(class_names).count(n) > 1)
        raise DataError(f"class name {twice!r} stands more than once; class names must be unique")
    if values.dtype.kind not in "iu":
        raise UsageError("class_names go with integer labels; these labels are names already")
    if len(values) and (values.min() < 0 or values.max() >= len(class_names)):
        raise DataError(
            f"labels run from {values.min()} to {values.max()}, "
            f"but there are {len(class_names)} class names"
        )
    return np.asarray(class_names, dtype=str)[values]
