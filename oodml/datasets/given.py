"""A data set by its name, or straight from where it lies: a folder of images, a table of vectors.

What is given by path is described by its content, like an added one, but nothing is remembered.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from oodml.core.errors import OodmlError, UsageError
from oodml.core.names import check_plain_name
from oodml.core.progress import console
from oodml.datasets.base import ClassDataset
from oodml.datasets.load import list_datasets, load_dataset
from oodml.datasets.records import added_names, added_record
from oodml.datasets.registry import builtin_datasets, dataset_kinds


@dataclass(frozen=True)
class GivenData:
    """What a user named, before anything of it is read.

    Attributes:
        name: of the data set; for a path made from the folder's or file's name.
        path: of the folder or Parquet file; None for a data set by name.
    """

    name: str
    path: Path | None = None

    def load(self, *, own_name: bool = True) -> ClassDataset:
        """The data set; files of a path are hashed, and decoded when they are needed.

        Args:
            own_name: refuse a path whose name is another data set's, for names that are recorded.

        Raises:
            UsageError: no such data set; the name is another data set's.
            DataError: files that cannot be used.
        """
        if self.path is None:
            return load_dataset(self.name)
        kind = dataset_kinds().get("image-folder" if self.path.is_dir() else "vectors")
        record = kind.record(self.path, False)
        dataset = kind.load(self.name, self.path, record)
        taken = own_name and self.name in list_datasets()
        if taken and _fingerprint(self.name) != dataset.fingerprint:
            raise UsageError(
                f"{self.path}: {self.name!r} is the name of another data set; name this one "
                "(--dataset-name)"
            )
        return dataset


def given_data(text: str, name: str | None = None) -> GivenData:
    """What ``text`` names: a data set, else a path.

    Where both are there the data set is meant, which is said; ``./text`` is the path.

    Args:
        text: a data set's name, a folder with a folder a class, or a Parquet file of vectors with
            ``id``, ``embedding`` and ``label``.
        name: what to call the data set of a path; by default after the folder or file.

    Raises:
        UsageError: neither a data set nor such a path; a name for what has one.
    """
    path = Path(text).expanduser()
    by_name = not _has_folders(text) and text in list_datasets()
    if by_name and path.exists():
        console.print(
            f"{text}: the data set of this name is taken; for the path say .{os.sep}{text}",
            markup=False,
        )
    if by_name or not path.exists():
        if name is not None:
            raise UsageError(f"--dataset-name {name!r}: {text!r} is no path and has a name already")
        if not by_name and (_has_folders(text) or path.suffix):
            raise UsageError(f"{text}: no such folder or file, and no data set of this name")
        return GivenData(text)
    if not path.is_dir() and path.suffix.lower() != ".parquet":
        raise UsageError(
            f"{text}: expected a folder with a folder of images a class, or a .parquet file of "
            "vectors; archives are added by `oodml data add`"
        )
    if name is not None:
        check_plain_name("data set", name)
    return GivenData(name or plain_name(path), path.resolve())


def plain_name(path: Path) -> str:
    """A data set's name after a folder or file: lower-case letters, digits, ``- _ .``.

    >>> plain_name(Path("My Photos (2)"))
    'my-photos-2'
    """
    resolved = path.resolve()
    text = (resolved.name if resolved.is_dir() else resolved.stem).lower()
    plain = "".join(c if c.islower() or c.isdigit() or c in "-_." else "-" for c in text)
    while "--" in plain:
        plain = plain.replace("--", "-")
    plain = plain.strip("-_.")
    return plain or "data"


def _has_folders(text: str) -> bool:
    return any(mark and mark in text for mark in (os.sep, os.altsep)) or text in (".", "..", "~")


def _fingerprint(name: str) -> str | None:
    """Of an added data set; None for built-in ones, which are not images of the user's."""
    if name in builtin_datasets() or name not in added_names():
        return None
    try:
        return str(added_record(name)["contents"]["fingerprint"])
    except OodmlError:  # a damaged record; whatever it was, it is not this
        return None
