"""What ``oodml split`` commands take in: features, data sets, option texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oodml.core.errors import DataError, IntegrityError, OodmlError, UsageError
from oodml.core.values import shown

if TYPE_CHECKING:
    from oodml.shift.distance.labelled import LabelledFeatures
    from oodml.shift.ladder.model import Ladder


def features_of(
    dataset: str, backbone: str, image_size: int | None, device: str
) -> tuple[Any, Any]:
    """A data set and its feature table."""
    from oodml.datasets import load_dataset
    from oodml.features import extract_features

    loaded = load_dataset(dataset)
    return loaded, extract_features(loaded, backbone, image_size=image_size, device=device)


def check_features_of(dataset: str, backbone: str, image_size: int | None, device: str) -> None:
    """Raise now what ``features_of`` would for its arguments after the data set was made."""
    from oodml.datasets.load import check_dataset
    from oodml.features.engines.precision import fabric_of
    from oodml.features.registry import create_backbone

    check_dataset(dataset)
    fabric_of(device, "float32")
    network = create_backbone(backbone)
    network.check_installed()
    if network.preprocessing is not None:
        network.preprocessing.at_size(image_size)


def data_of(
    ladder: Ladder,
    features: Path | None,
    label_column: str,
    backbone: str | None,
    image_size: int | None,
    device: str,
) -> LabelledFeatures:
    """Features of the ladder's classes: of a file, or of a backbone (the ladder's own if None)."""
    if features is not None:
        return data_of_file(features, label_column)
    from oodml.shift.distance.labelled import LabelledFeatures

    own = ladder.features.get("backbone")
    if not ladder.dataset or not (backbone or own):
        raise UsageError(
            "the ladder names no data set or backbone to take features of; give --features"
        )
    if image_size is None and backbone in (None, own):
        image_size = (ladder.features.get("preprocessing") or {}).get("size")
    loaded, table = features_of(ladder.dataset, str(backbone or own), image_size, device)
    if ladder.dataset_fingerprint and loaded.fingerprint != ladder.dataset_fingerprint:
        raise IntegrityError(
            f"data set {ladder.dataset!r} has fingerprint {loaded.fingerprint[:16]}, the ladder "
            f"was made for {ladder.dataset_fingerprint[:16]}"
        )
    return LabelledFeatures.of(table)


def data_of_file(path: Path, label_column: str) -> LabelledFeatures:
    """Features of an embeddings file with class names in a column."""
    from oodml.core.vectors import read_vectors
    from oodml.shift.distance.labelled import LabelledFeatures

    table = read_vectors(path)
    if label_column not in table.columns:
        known = ", ".join(table.columns) or "none"
        raise DataError(f"{path}: no column {label_column!r} with class names (found: {known})")
    return LabelledFeatures.of(table.vectors, table.columns[label_column], table.ids)


def superclasses_of(dataset: str) -> Mapping[str, str] | None:
    """Superclasses of a data set, None when it is not at hand: the picture goes without them."""
    from oodml.datasets import load_dataset

    try:
        return load_dataset(dataset).superclass_of
    except OodmlError:
        return None


def numbers(flag: str, text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise UsageError(
            f"{flag} {shown(text)}: expected numbers with commas between them"
        ) from None


def whole_numbers(flag: str, text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise UsageError(
            f"{flag} {shown(text)}: expected whole numbers with commas between them"
        ) from None


def names(given: list[str] | None) -> list[str] | None:
    """Names with commas between, of a flag that may be given several times."""
    if given is None:
        return None
    return [part.strip() for text in given for part in text.split(",") if part.strip()]


def generator_options(given: list[str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"--option {shown(text)}: expected NAME=VALUE")
        try:
            options[key] = json.loads(value)
        except (ValueError, RecursionError):  # no JSON, so it is text
            options[key] = value
    return options
