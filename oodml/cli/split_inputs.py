"""What ``oodml split`` commands take in: features, data sets, option texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oodml.core.errors import DataError, IntegrityError, OodmlError, UsageError
from oodml.core.values import shown

if TYPE_CHECKING:
    from oodml.datasets import ClassDataset
    from oodml.features import FeatureTable
    from oodml.shift.distance.labelled import LabelledFeatures
    from oodml.shift.ladder.model import Ladder


def backbone_for(dataset: ClassDataset, backbone: str | None) -> str:
    """The backbone asked for; else the one that fits: vectors are taken as they are."""
    from oodml.features.registry import DEFAULT_BACKBONE

    return backbone or (DEFAULT_BACKBONE if dataset.vectors is None else "identity")


def features_of(
    dataset: str, backbone: str | None, image_size: int | None, device: str
) -> tuple[ClassDataset, FeatureTable]:
    """A data set, by name or path, and its feature table."""
    from oodml.datasets.given import given_data
    from oodml.features import extract_features

    loaded = given_data(dataset).load()
    chosen = backbone_for(loaded, backbone)
    return loaded, extract_features(loaded, chosen, image_size=image_size, device=device)


def feature_arguments(
    dataset: ClassDataset, backbone: str, image_size: int | None
) -> dict[str, Any]:
    """What the features of a data set depend on, before they are computed; plain JSON."""
    from oodml.features import create_backbone
    from oodml.features.extract import preprocessing_for
    from oodml.features.key import feature_inputs
    from oodml.features.registry import backbone_code

    network = create_backbone(backbone)
    preprocessing = preprocessing_for(dataset, network, image_size)
    code = backbone_code(backbone)
    return feature_inputs(dataset.fingerprint, network, preprocessing, "float32", code=code)


def check_features(backbone: str | None, image_size: int | None, device: str) -> None:
    """Raise now what making features would after the data set was made.

    Args:
        backbone: None where the data set decides; a size must then be one for images.
    """
    from oodml.features.engines.precision import fabric_of
    from oodml.features.registry import DEFAULT_BACKBONE, create_backbone

    fabric_of(device, "float32")
    network = create_backbone(backbone or DEFAULT_BACKBONE)
    if backbone is not None:
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
    dataset: str | None = None,
) -> LabelledFeatures:
    """Features of the ladder's classes: of a file, or of a backbone (the ladder's own if None).

    Args:
        dataset: name or path of the data set; None for the one the ladder names.
    """
    if features is not None:
        return data_of_file(features, label_column)
    from oodml.shift.distance.labelled import LabelledFeatures

    own = ladder.features.get("backbone")
    if not (dataset or ladder.dataset) or not (backbone or own):
        raise UsageError(
            "the ladder names no data set or backbone to take features of; give --features"
        )
    if image_size is None and backbone in (None, own):
        image_size = (ladder.features.get("preprocessing") or {}).get("size")
    loaded, table = features_of(dataset or ladder.dataset, str(backbone or own), image_size, device)
    if ladder.dataset_fingerprint and loaded.fingerprint != ladder.dataset_fingerprint:
        raise IntegrityError(
            f"data set {loaded.name!r} has fingerprint {loaded.fingerprint[:16]}, the ladder "
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
    from oodml.datasets.given import given_data

    try:
        return given_data(dataset).load().superclass_of
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
    """Whole numbers with commas between them."""
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
