"""What every data set gives: ids, class names, a fingerprint, images or vectors."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from oodml.core.errors import DataError

_FINGERPRINT_FORM = b"oodml-dataset-1\n"


@dataclass(frozen=True)
class DatasetCard:
    """What a reader must know before using or citing a data set. Plain text, one field a fact."""

    title: str
    description: str
    licence: str
    citation: str
    homepage: str
    source: str


class ImageSource(Protocol):
    """Where the images lie. Must be picklable and safe to call from several threads at once."""

    def load(self, index: int) -> Image.Image:
        """Image ``index`` as RGB; DataError naming the file when it cannot be read."""
        ...


@dataclass(frozen=True, eq=False)
class ClassDataset:
    """Images (or given vectors) with one class each.

    Attributes:
        name: the name it is loaded by.
        image_ids: [N] unique, the same on every machine, in a fixed order.
        labels: int64 [N], index into ``class_names``.
        class_names: [C] unique, sorted. A ``/`` stands between a superclass and a class.
        fingerprint: sha256 over ids, class names and the content of every item.
        card: description, licence, citation.
        superclass_of: class name -> superclass, or None.
        default_split: the field's usual (train classes, test classes), or None.
        images: where the images lie; None for data sets of vectors.
        vectors: float32 [N, D] of data sets that are given vectors.

    Raises:
        DataError: on construction, naming the offending id, class or row.
    """

    name: str
    image_ids: tuple[str, ...]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    fingerprint: str
    card: DatasetCard
    superclass_of: Mapping[str, str] | None = None
    default_split: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    images: ImageSource | None = None
    vectors: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        check_ids(self.name, self.image_ids)
        _check_classes(self.name, self.labels, self.class_names, len(self.image_ids))
        if self.superclass_of is not None:
            _check_superclasses(self.name, self.class_names, self.superclass_of)
        if self.default_split is not None:
            _check_split(self.name, self.class_names, self.default_split)
        if (self.images is None) == (self.vectors is None):
            raise DataError(f"data set {self.name!r} must have either images or vectors")
        if self.vectors is not None:
            _check_vectors(self.name, self.image_ids, self.vectors)

    def __len__(self) -> int:
        return len(self.image_ids)

    @property
    def image_classes(self) -> list[str]:
        """The class name of every image, [N]."""
        return [self.class_names[label] for label in self.labels]

    def load_image(self, index: int) -> Image.Image:
        """Image ``index`` as RGB.

        Raises:
            DataError: the file is missing or corrupt (it is named), or the data set has vectors.
            IndexError: no such image.
        """
        if self.images is None:
            raise DataError(f"data set {self.name!r} holds vectors, it has no images")
        if not -len(self) <= index < len(self):
            raise IndexError(f"image {index} of {len(self)} in data set {self.name!r}")
        return self.images.load(index % len(self))


def labels_of(classes: Sequence[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Class name of every image [N] -> (labels int64 [N], sorted unique class names [C])."""
    names = tuple(sorted(set(classes)))
    position = {name: index for index, name in enumerate(names)}
    return np.array([position[name] for name in classes], dtype=np.int64), names


def dataset_fingerprint(
    image_ids: Sequence[str], classes: Sequence[str], content_hashes: Sequence[str]
) -> str:
    """sha256 over (id, class name, content hash) of every item, whatever their order.

    Folders, archives and file dates do not enter: the same content has the same fingerprint
    wherever it lies.
    """
    digest = hashlib.sha256(_FINGERPRINT_FORM)
    for item in sorted(zip(image_ids, classes, content_hashes, strict=True)):
        # Names cannot hold control characters, so tabs and line ends separate without doubt.
        digest.update(("\t".join(item) + "\n").encode("utf-8"))
    return digest.hexdigest()


def check_name(what: str, name: str, where: str) -> None:
    """Raise DataError unless ``name`` can stand in files, tables and shells on every system.

    ``/`` is allowed between parts; an empty part, ``.``, ``..`` and a backslash are not.
    """
    shown = ascii(name)
    if not name.strip():
        raise DataError(f"{where}: {what} {shown} is empty; give it a name")
    odd = next((c for c in name if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")), None)
    if odd is not None:
        raise DataError(
            f"{where}: {what} {shown} has the control or undecodable character {odd!a}; rename it"
        )
    if name != name.strip():
        raise DataError(f"{where}: {what} {shown} begins or ends with a space; rename it")
    if "\\" in name or any(part in ("", ".", "..") for part in name.split("/")):
        raise DataError(
            f"{where}: {what} {shown} has a backslash, an empty part, '.' or '..'; rename it"
        )


def check_ids(where: str, image_ids: Sequence[str]) -> None:
    """Raise DataError for no ids, an id that is no good as a name, or one that stands twice."""
    if not image_ids:
        raise DataError(f"{where}: no images")
    for image_id in image_ids:
        check_name("image id", image_id, where)
    twice = first_repeated(image_ids)
    if twice is not None:
        raise DataError(f"{where}: image id {twice!r} stands more than once; ids must be unique")


def first_repeated(values: Iterable[str]) -> str | None:
    """The first value that was seen before, or None."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None


def _check_classes(
    where: str, labels: NDArray[np.int64], class_names: tuple[str, ...], images: int
) -> None:
    if labels.dtype != np.int64 or labels.shape != (images,):
        raise DataError(
            f"{where}: labels are {labels.dtype} {labels.shape}, expected int64 ({images},)"
        )
    for name in class_names:
        check_name("class name", name, where)
    if list(class_names) != sorted(set(class_names)):
        raise DataError(f"{where}: class names must be unique and sorted")
    if images and (labels.min() < 0 or labels.max() >= len(class_names)):
        raise DataError(f"{where}: a label lies outside 0..{len(class_names) - 1}")
    counts = np.bincount(labels, minlength=len(class_names))
    if (counts == 0).any():
        empty = [class_names[i] for i in np.flatnonzero(counts == 0)]
        raise DataError(f"{where}: {shorten(empty)}: class without an image; add images or drop it")


def _check_superclasses(
    where: str, class_names: tuple[str, ...], superclass_of: Mapping[str, str]
) -> None:
    missing = [name for name in class_names if name not in superclass_of]
    if missing:
        raise DataError(f"{where}: no superclass given for {shorten(missing)}")
    for superclass in set(superclass_of.values()):
        check_name("superclass", superclass, where)


def _check_split(
    where: str, class_names: tuple[str, ...], split: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    train, test = split
    both = sorted(set(train) & set(test))
    if both:
        raise DataError(f"{where}: the default split has {shorten(both)} on both sides")
    unknown = sorted((set(train) | set(test)) - set(class_names))
    if unknown:
        raise DataError(f"{where}: the default split names unknown classes: {shorten(unknown)}")
    if not train or not test:
        raise DataError(f"{where}: a side of the default split has no class")


def _check_vectors(where: str, image_ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
    if vectors.dtype != np.float32 or vectors.ndim != 2 or len(vectors) != len(image_ids):
        raise DataError(
            f"{where}: vectors are {vectors.dtype} {vectors.shape}, expected float32 "
            f"({len(image_ids)}, dimensions)"
        )
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise DataError(
            f"{where}: the vector of {image_ids[bad[0]]!r} (row {bad[0]}) has NaN or infinite "
            "values"
        )


def shorten(names: Sequence[str], shown: int = 5) -> str:
    """``a, b, c and 7 more``: a list a message can carry. Odd characters are escaped."""
    text = ", ".join(n if n.isprintable() else ascii(n) for n in names[:shown])
    return text if len(names) <= shown else f"{text} and {len(names) - shown} more"
