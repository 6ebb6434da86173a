"""Data sets the user has added: unpacked below oodml's home, or referenced where they lie."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from oodml.core.disk_errors import clear_disk_errors
from oodml.core.errors import IntegrityError, OodmlError, UsageError
from oodml.core.files import write_json
from oodml.core.hashing import sha256_file
from oodml.core.hints import near_names
from oodml.core.names import check_plain_name
from oodml.core.workspaces import sweep, workspace
from oodml.datasets.base import ClassDataset
from oodml.datasets.handed import Handed, archives_named, check_handed, provide
from oodml.datasets.layouts.kind import Kind, Record
from oodml.datasets.records import (
    SCHEMA_VERSION,
    UNPACKED,
    added_names,
    added_record,
    data_folder,
    record_path,
)
from oodml.datasets.registry import builtin_datasets, dataset_kinds

_REPLACED = "replaced"


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
        OodmlError: the disk is full, or cannot be written.
    """
    reader = _kind_for(name, kind, handed)
    _check_free(name, overwrite)
    check_handed(handed)
    target = data_folder() / name
    with clear_disk_errors(f"adding {name!r}", target):
        sweep_data_folder()
        with workspace(data_folder(), name) as temporary:
            new = temporary / "new"
            new.mkdir()
            source = provide(handed, new)
            with archives_named(handed, source):
                contents = reader.record(source, decode)
                # Loading it once here means that what cannot be loaded is not added either.
                reader.load(name, source, contents)
            write_json(record_path(new), _record(name, reader, handed, source, contents))
            if target.exists():
                (temporary / _REPLACED).mkdir()
                os.rename(target, temporary / _REPLACED / name)
            os.rename(new, target)
    return load_added(name)


def sweep_data_folder() -> list[Path]:
    """Remove what killed calls of ``add_dataset`` left; returns the folders removed."""

    def put_back(place: Path) -> None:
        """One killed between its two renames had taken the old data set away."""
        for old in (place / _REPLACED).glob("*"):
            if not (data_folder() / old.name).exists():
                os.rename(old, data_folder() / old.name)

    return sweep(data_folder(), put_back)


def load_added(name: str) -> ClassDataset:
    """The added data set ``name``; DataError when its files are missing or changed."""
    kind, source, contents = _open(name)
    with _damage_named(name):
        return kind.load(name, source, contents)


def verify_added(name: str) -> list[str]:
    """Read every file of the added data set again; a line for each problem, none if all is well."""
    try:
        kind, source, contents = _open(name)
        with _damage_named(name):
            return kind.verify(source, contents)
    except OodmlError as error:
        return [str(error)]


def _open(name: str) -> tuple[Kind, Path, Record]:
    record = added_record(name)
    if record["kind"] not in dataset_kinds():
        raise OodmlError(
            f"data set {name!r}: its kind {record['kind']!r} is not known here; install the package "
            f"that brings it, or `oodml data remove {name}`"
        )
    kind = dataset_kinds().get(record["kind"])
    unpacked = data_folder() / name / UNPACKED
    source = unpacked if record["source"] is None else Path(record["source"])
    if not source.exists():
        raise OodmlError(
            f"data set {name!r}: {source} is gone; put it back or add the data set again"
        )
    return kind, source, record["contents"]


@contextmanager
def _damage_named(name: str) -> Iterator[None]:
    """A record whose parts are not what its kind wrote is a damaged file, not a bug."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        path = record_path(data_folder() / name)
        raise IntegrityError(
            f"{path}: not the record of this kind of data set ({type(error).__name__}: {error}); "
            f"add {name!r} again, or `oodml data remove {name}`"
        ) from error


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
    if name not in added_names() and (data_folder() / name).exists():
        raise UsageError(
            f"{data_folder() / name}: holds something that is no added data set; move it away, or "
            "pick another name"
        )


def _record(name: str, reader: Kind, handed: Handed, source: Path, contents: Record) -> Record:
    return {
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "kind": reader.name,
        "source": None if handed.archives else str(source),
        "archives": [
            {"name": path.name, "bytes": path.stat().st_size, "sha256": sha256_file(path)}
            for path in handed.archives
        ],
        "contents": contents,
    }
