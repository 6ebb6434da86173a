"""Layouts of files that users have on disk and oodml can read.

A kind turns what the user hands in into a *record*: plain JSON that names every file with its size
and sha256. Loading and verifying work from the record alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from oodml.core.errors import DataError, IntegrityError
from oodml.datasets.base import (
    ClassDataset,
    DatasetCard,
    check_ids,
    check_name,
    dataset_fingerprint,
    labels_of,
    shorten,
)
from oodml.datasets.images import REMARKS, FileImages
from oodml.datasets.layouts.checked_files import (
    CheckedFile,
    FileRecord,
    changed_files,
    check_files,
)

Record = dict[str, Any]
Split = tuple[tuple[str, ...], tuple[str, ...]]


class Kind(ABC):
    """A layout of files. ``name`` is what it is registered under."""

    how_to_add: str
    takes: str = "files"  # "files" (archives or a folder) or "table"
    several_archives: bool = False

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def record(self, source: Path, decode: bool) -> Record:
        """Read ``source`` and describe all of it; DataError for anything that cannot be used.

        Args:
            source: the folder, or the table.
            decode: decode every image too, not only hash it.
        """

    @abstractmethod
    def load(self, name: str, source: Path, record: Record) -> ClassDataset:
        """The data set, from its record; DataError when files are missing or changed."""

    @abstractmethod
    def verify(self, source: Path, record: Record) -> list[str]:
        """Read everything again; one line for each thing that is missing, changed or corrupt."""


@dataclass(frozen=True)
class IndexedImage:
    """One image of a folder: its id, its class and where it lies (relative, with ``/``)."""

    image_id: str
    class_name: str
    path: str


@dataclass(frozen=True)
class FileIndex:
    """What a folder holds, read from names and metadata files, before any image is opened."""

    images: list[IndexedImage]
    card: DatasetCard
    metadata_files: tuple[str, ...] = ()
    superclass_of: dict[str, str] | None = None
    default_split: Split | None = None
    notes: list[str] = field(default_factory=list)  # what was left out, for the user to see
    must_match: list[tuple[str, str]] = field(default_factory=list)  # paths with equal content


class FilesKind(Kind):
    """A kind whose images lie in files; a subclass only says which (``index``)."""

    @abstractmethod
    def index(self, root: Path) -> FileIndex:
        """Find the images below ``root``; DataError when the layout is not this kind's."""

    def record(self, source: Path, decode: bool) -> Record:
        index = self.index(source)
        _check_names(source, index)
        images = sorted(index.images, key=lambda image: (image.class_name, image.image_id))
        checked = check_files(source, [image.path for image in images], decode, "Checking images")
        pixels = [file.record for file in checked]
        metadata = check_files(source, list(index.metadata_files), False, "Checking metadata")
        _check_equal_content(source, index, pixels)
        return {
            "card": asdict(index.card),
            "images": len(images),
            "classes": len({image.class_name for image in images}),
            "image_ids": [image.image_id for image in images],
            "class_of_image": [image.class_name for image in images],
            "files": [file.as_json() for file in pixels],
            "metadata_files": [file.record.as_json() for file in metadata],
            "superclass_of": index.superclass_of,
            "default_split": index.default_split,
            "notes": [*index.notes, *_identical_images(images, pixels), *_remarks(images, checked)],
            "decoded": decode,
            "fingerprint": dataset_fingerprint(
                [image.image_id for image in images],
                [image.class_name for image in images],
                [file.sha256 for file in pixels],
            ),
        }

    def load(self, name: str, source: Path, record: Record) -> ClassDataset:
        files = [FileRecord.from_json(row) for row in record["files"]]
        problems = changed_files(source, files)
        if problems:
            raise DataError(
                f"data set {name!r}: {shorten(problems, 3)}; restore the files or add the data set "
                f"again (`oodml data verify {name}` checks every file)"
            )
        fingerprint = dataset_fingerprint(
            record["image_ids"], record["class_of_image"], [file.sha256 for file in files]
        )
        if fingerprint != record["fingerprint"]:
            raise IntegrityError(
                f"data set {name!r}: its source.json was altered (fingerprint {fingerprint}, "
                f"{record['fingerprint']} recorded); add the data set again"
            )
        labels, class_names = labels_of(record["class_of_image"])
        split = record["default_split"]
        return ClassDataset(
            name=name,
            image_ids=tuple(record["image_ids"]),
            labels=labels,
            class_names=class_names,
            fingerprint=fingerprint,
            card=DatasetCard(**record["card"]),
            superclass_of=record["superclass_of"],
            default_split=None if split is None else (tuple(split[0]), tuple(split[1])),
            images=FileImages(source, tuple(file.path for file in files)),
        )

    def verify(self, source: Path, record: Record) -> list[str]:
        rows = [("files", True), ("metadata_files", False)]
        problems: list[str] = []
        for key, decode in rows:
            files = [FileRecord.from_json(row) for row in record[key]]
            problems += changed_files(source, files, read_all=True, decode=decode)
        return problems


def _check_names(source: Path, index: FileIndex) -> None:
    check_ids(str(source), [image.image_id for image in index.images])
    for name in sorted({image.class_name for image in index.images}):
        check_name("class name", name, str(source))


def _identical_images(images: list[IndexedImage], files: list[FileRecord]) -> list[str]:
    """Notes on files with the same bytes: they inflate recall, or contradict each other."""
    same: dict[str, list[IndexedImage]] = defaultdict(list)
    for image, file in zip(images, files, strict=True):
        same[file.sha256].append(image)
    copies = [group for group in same.values() if len(group) > 1]
    torn = [group for group in copies if len({image.class_name for image in group}) > 1]
    notes = []
    if copies:
        extra = sum(len(group) - 1 for group in copies)
        # Which of them is the copy, no one can tell; so all are named.
        names = [" = ".join(image.image_id for image in group) for group in copies]
        notes.append(f"{extra} images are copies of another, byte for byte: {shorten(names, 3)}")
    if torn:
        pairs = [" = ".join(image.image_id for image in group) for group in torn]
        notes.append(f"{len(torn)} images stand in more than one class: {shorten(pairs, 3)}")
    return notes


def _remarks(images: list[IndexedImage], files: list[CheckedFile]) -> list[str]:
    """Notes on images that are read otherwise than a viewer shows them."""
    notes = []
    for key, text in REMARKS.items():
        names = [i.image_id for i, file in zip(images, files, strict=True) if key in file.remarks]
        if names:
            notes.append(f"{len(names)} images {text}: {shorten(names, 3)}")
    return notes


def _check_equal_content(source: Path, index: FileIndex, files: list[FileRecord]) -> None:
    """Files that stand for one image id must be the same file."""
    if not index.must_match:
        return
    sha256_of = {file.path: file.sha256 for file in files}
    others = check_files(
        source, [other for _, other in index.must_match], False, "Comparing copies"
    )
    for (kept, other), file in zip(index.must_match, others, strict=True):
        if sha256_of[kept] != file.record.sha256:
            raise DataError(
                f"{source}: {kept} and {other} are the same image id but differ; remove one of them"
            )
