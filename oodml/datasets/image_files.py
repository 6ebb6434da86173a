"""Images of no data set: a folder in any layout, or files one by one. They have no classes."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from oodml.core.errors import DataError
from oodml.datasets.base import ClassDataset, DatasetCard, dataset_fingerprint, labels_of, shorten
from oodml.datasets.images import FileImages, is_image_name
from oodml.datasets.layouts.checked_files import check_files
from oodml.datasets.layouts.walking import files_below

UNLABELLED = "unlabelled"
_DEEPEST = 16

_CARD = DatasetCard(
    title="Images",
    description="Images without classes.",
    licence="not stated; ask who gave you the images",
    citation="",
    homepage="",
    source="given by the user",
)


def images_below(folder: Path, name: str) -> ClassDataset:
    """All images in ``folder`` and the folders in it, as one class; ids are relative paths.

    Raises:
        DataError: no image there; a name that cannot be an id. Images are decoded when loaded.
    """
    paths = [one for one in files_below(folder, _DEEPEST) if is_image_name(PurePosixPath(one).name)]
    if not paths:
        raise DataError(f"{folder}: no images found")
    return _dataset(folder, paths, name)


def images_listed(files: Sequence[Path], name: str) -> ClassDataset:
    """The given files as one class, in their order; ids are paths from their common folder.

    Raises:
        DataError: none, a file that is missing or given twice.
    """
    if not files:
        raise DataError("no image files given")
    missing = [str(one) for one in files if not one.is_file()]
    if missing:
        raise DataError(f"no such image file: {shorten(missing)}")
    whole = [Path(os.path.abspath(one)) for one in files]
    root = Path(os.path.commonpath([one.parent for one in whole]))
    return _dataset(root, [one.relative_to(root).as_posix() for one in whole], name)


def _dataset(root: Path, paths: Sequence[str], name: str) -> ClassDataset:
    ids = tuple(unicodedata.normalize("NFC", path) for path in paths)
    classes = [UNLABELLED] * len(ids)
    records = check_files(root, list(paths), False, "Reading images")
    labels, class_names = labels_of(classes)
    return ClassDataset(
        name=name,
        image_ids=ids,
        labels=labels,
        class_names=class_names,
        fingerprint=dataset_fingerprint(ids, classes, [one.record.sha256 for one in records]),
        card=_CARD,
        images=FileImages(root, tuple(paths)),
    )
