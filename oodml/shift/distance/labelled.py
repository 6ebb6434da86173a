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
    """Feature rows with class names.

    Attributes:
        features: [N, D] rows that have a label.
        names: [N] their class names.
        image_ids: [N] their ids, or None.
        manifest: what is known of the features.
        unlabelled: rows left out because their label was None, NaN or "". Such rows are
            distractors in an evaluation; no class of a ladder has a use for them.
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
        array = np.asarray(features)
        if array.dtype.kind not in "fiu":
            raise DataError(f"features hold {array.dtype}, expected real numbers")
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
        if hasattr(labels, "detach"):
            labels = labels.detach().cpu().numpy()
        missing = _missing(labels)
        if not missing.any():
            return cls(features, _class_names(labels, class_names), image_ids, manifest)
        if missing.all():
            raise DataError('no row has a label: all of them are None, NaN or ""')
        if len(features) != len(missing):
            raise DataError(f"{len(features)} feature rows but {len(missing)} labels")
        if image_ids is not None and len(image_ids) != len(missing):
            raise DataError(f"{len(missing)} feature rows but {len(image_ids)} image ids")
        rows = np.flatnonzero(~missing).tolist()
        # As a list: one missing label has made text or floats of all others in an array.
        kept = [labels[row] for row in rows]
        if class_names is not None:
            kept = [int(x) if isinstance(x, float) and x.is_integer() else x for x in kept]
        return cls(
            features[rows],
            _class_names(kept, class_names),
            None if image_ids is None else [image_ids[row] for row in rows],
            manifest,
            int(missing.sum()),
        )

    def means(self) -> ClassMeans:
        """Class means; DataError for shapes that do not fit and values that are not finite."""
        return class_means(self.features, self.names, image_ids=self.image_ids)


def _missing(labels: Sequence[Any]) -> NDArray[np.bool_]:
    """[N] rows whose label is None, NaN or "", which evaluation calls unlabelled too."""
    if isinstance(labels, np.ndarray) and (labels.ndim != 1 or labels.dtype.kind in "iub"):
        return np.zeros(len(labels), dtype=bool)
    return np.array([_is_missing(label) for label in labels], dtype=bool)


def _is_missing(label: Any) -> bool:
    if label is None or isinstance(label, str):
        return not label
    try:
        return bool(label != label)
    except TypeError:  # pandas.NA is neither equal to itself nor not
        return True
    except ValueError:  # an array: no label at all, which its shape will tell
        return False


def _class_names(labels: Sequence[Any], class_names: Sequence[str] | None) -> NDArray[np.str_]:
    values = np.asarray(labels)
    if class_names is None:
        return values.astype(str)
    if len(set(class_names)) != len(class_names):
        twice = next(n for n in class_names if list(class_names).count(n) > 1)
        raise DataError(f"class name {twice!r} stands more than once; class names must be unique")
    if "" in class_names:
        raise DataError('class_names: a class needs a name; label its rows None or "" instead')
    if values.dtype.kind not in "iu":
        raise UsageError("class_names go with integer labels; these labels are names already")
    if len(values) and (values.min() < 0 or values.max() >= len(class_names)):
        raise DataError(
            f"labels run from {values.min()} to {values.max()}, "
            f"but there are {len(class_names)} class names"
        )
    return np.asarray(class_names, dtype=str)[values]
