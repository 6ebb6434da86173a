"""Data sets the user has added: unpacked below oodml's home, or referenced where they lie.

``<home>/data/<name>/source.json`` is the record; archives are unpacked beside it.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from oodml.core.archives import extract_archive
from oodml.core.errors import IntegrityError, OodmlError, UsageError
from oodml.core.files import oodml_home, read_json, write_json
from oodml.core.hashing import sha256_file
from oodml.core.hints import near_names
from oodml.core.names import check_plain_name
from oodml.core.progress import progress_task
from oodml.datasets.base import ClassDataset
from oodml.datasets.layouts.kind import Kind, Record
from oodml.datasets.registry import builtin_datasets, dataset_kinds

_SCHEMA_VERSION = 1
_UNPACKED = "files"
_RECORD_KEYS = {"schema_version", "name", "kind", "source", "archives", "contents"}


@dataclass(frozen=True)
class Handed:
    """What the user hands in: archives to unpack, or a folder, or a table. Exactly one of them."""

    archives: tuple[Path, ...] = ()
    folder: Path | None = None
    table: Path | None = None

    def __post_init__(self) -> None:
        given = [bool(self.archives), self.folder is not None, self.table is not None]
        if sum(given) != 1:
            raise UsageError("give exactly one of --archive FILE, --dir DIR and --table FILE")


def data_folder() -> Path:
    """Where data sets lie on this machine."""
    return oodml_home() / "data"


def added_names() -> list[str]:
    """Names of the data sets that were added on this machine, sorted."""
    folder = data_folder()
    if not folder.is_dir():
        return []
    return sorted(path.parent.name for path in folder.glob("*/source.json"))


def add_dataset(
    name: str,
    kind: str | None,
    handed: Handed,
    *,
    decode: bool = True,
    overwrite: Literal["never", "always"] = "never",
) -> ClassDataset:
    """Check what the user hands in and make it known as ``name``. A failure changes nothing.

    Args:
        name: lower-case letters, digits, ``- _ .``; not that of a built-in data set.
        kind: a registered kind; None when ``name`` is one.
        handed: archives are unpacked below oodml's home; a folder or a table stays where it lies.
        decode: decode every image (``--no-verify`` switches it off); files are hashed in any case.
        overwrite: ``always`` replaces a data set of this name.

    Raises:
        UsageError: wrong name, kind or combination; the name is taken.
        DataError: the files cannot be used; the message names them.
    """
    reader = _kind_for(name, kind, handed)
    _check_free(name, overwrite)
    target = data_folder() / name
    data_folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=data_folder()) as temporary:
        new = Path(temporary) / "new"
        new.mkdir()
        source = _provide(handed, new)
        contents = reader.record(source, decode)
        record = {
            "schema_version": _SCHEMA_VERSION,
            "name": name,
            "kind": reader.name,
            "source": None if handed.archives else str(source),
            "archives": [
                {"name": path.name, "bytes": path.stat().st_size, "sha256": sha256_file(path)}
                for path in handed.archives
            ],
            "contents": contents,
        }
        write_json(new / "source.json", record)
        # Loading it once here means that what cannot be loaded is not added either.
        reader.load(name, source, contents)
        if target.exists():
            os.rename(target, Path(temporary) / "old")
        os.rename(new, target)
    return load_added(name)


def load_added(name: str) -> ClassDataset:
    """The added data set ``name``; DataError when its files are missing or changed."""
    kind, source, record = _open(name)
    return kind.load(name, source, record)


def verify_added(name: str) -> list[str]:
    """Read every file of the added data set again; a line for each problem, none if all is well."""
    kind, source, record = _open(name)
    return kind.verify(source, record)


def added_record(name: str) -> dict[str, Any]:
    """The record of the added data set ``name``: kind, source, archives, contents.

    Raises:
        IntegrityError: source.json is damaged or from another version of oodml.
    """
    path = data_folder() / name / "source.json"
    record = read_json(path)
    if not isinstance(record, dict) or set(record) != _RECORD_KEYS:
        raise IntegrityError(f"{path}: not a record of a data set; add {name!r} again")
    if record["schema_version"] != _SCHEMA_VERSION:
        raise IntegrityError(
            f"{path}: schema_version {record['schema_version']}, expected {_SCHEMA_VERSION}; "
            f"add {name!r} again"
        )
    return record


def _open(name: str) -> tuple[Kind, Path, Record]:
    record = added_record(name)
    kind = dataset_kinds().get(record["kind"])
    unpacked = data_folder() / name / _UNPACKED
    source = unpacked if record["source"] is None else Path(record["source"])
    if not source.exists():
        raise OodmlError(
            f"data set {name!r}: {source} is gone; put it back or add the data set again"
        )
    return kind, source, record["contents"]


def _kind_for(name: str, kind: str | None, handed: Handed) -> Kind:
    kinds = dataset_kinds()
    if kind is None:
        if name not in kinds:
            near = near_names(name, kinds.names(), most=1)
            hint = f"did you mean {near[0]}? Else " if near else ""
            raise UsageError(
                f"data set {name!r}: {hint}say its --kind ({', '.join(kinds.names())})"
            )
        kind = name
    reader = kinds.get(kind)
    if name in kinds and name != kind:
        raise UsageError(f"{name!r} is the name of a kind; a {kind} data set needs another name")
    if (handed.table is not None) != (reader.takes == "table"):
        raise UsageError(f"kind {kind!r}: wrong input; add it so: {reader.how_to_add}")
    if len(handed.archives) > 1 and not reader.several_archives:
        raise UsageError(f"kind {kind!r} takes one --archive; {len(handed.archives)} given")
    return reader


def _check_free(name: str, overwrite: str) -> None:
    if overwrite not in ("never", "always"):
        raise UsageError(f"--overwrite {overwrite!r}: expected never or always")
    check_plain_name("data set", name)
    if name in builtin_datasets():
        raise UsageError(f"{name!r} is a built-in data set; pick another name")
    if name in added_names() and overwrite == "never":
        raise UsageError(f"data set {name!r} was added before; --overwrite always replaces it")


def _provide(handed: Handed, new: Path) -> Path:
    """The folder or table to read; archives are unpacked first."""
    source = handed.folder or handed.table
    if source is not None:
        source = source.expanduser().resolve()
        if handed.folder is not None and not source.is_dir():
            raise UsageError(f"--dir {handed.folder}: no such folder")
        if handed.table is not None and not source.is_file():
            raise UsageError(f"--table {handed.table}: no such file")
        return source
    unpacked = new / _UNPACKED
    for number, archive in enumerate(handed.archives):
        if not archive.is_file():
            raise UsageError(f"--archive {archive}: no such file")
        place = unpacked if len(handed.archives) == 1 else unpacked / str(number)
        with progress_task(f"Unpacking {archive.name}"):
            extract_archive(archive, place)
    return unpacked
