"""``<home>/data/<name>/source.json``: what is known of each added data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from oodml.core.errors import IntegrityError
from oodml.core.files import oodml_home, read_json

SCHEMA_VERSION = 1
UNPACKED = "files"
_RECORD = "source.json"

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Archive(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    bytes: int
    sha256: Sha256


class _Contents(BaseModel):
    """What all kinds record; each adds its own, and checks it on loading."""

    model_config = ConfigDict(extra="allow", strict=True)

    card: dict[str, str]
    images: int
    classes: int
    notes: list[str]
    fingerprint: Sha256


class _Source(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    schema_version: Literal[1]
    name: str
    kind: str
    source: str | None
    archives: list[_Archive]
    contents: _Contents


def data_folder() -> Path:
    """Where data sets lie on this machine."""
    return oodml_home() / "data"


def record_path(folder: Path) -> Path:
    """The record in a data set's folder."""
    return folder / _RECORD


def added_names() -> list[str]:
    """Names of the data sets that were added on this machine, sorted; damaged ones too."""
    folder = data_folder()
    if not folder.is_dir():
        return []
    names = (path.parent.name for path in folder.glob(f"*/{_RECORD}"))
    return sorted(name for name in names if not name.startswith("."))


def added_record(name: str) -> dict[str, Any]:
    """The record of the added data set ``name``: kind, source, archives, contents.

    Raises:
        IntegrityError: source.json is damaged, another data set's, or of another version of oodml.
    """
    path = record_path(data_folder() / name)
    record = read_json(path)
    again = f"add {name!r} again, or `oodml data remove {name}`"
    version = record.get("schema_version") if isinstance(record, dict) else None
    if isinstance(version, int) and version != SCHEMA_VERSION:
        raise IntegrityError(
            f"{path}: schema_version {version}, expected {SCHEMA_VERSION}; {again}"
        )
    try:
        _Source.model_validate(record)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "all of it"
        raise IntegrityError(
            f"{path}: not a record of a data set ({where}: {first['msg']}); {again}"
        ) from None
    if record["name"] != name:
        raise IntegrityError(f"{path}: the record of {record['name']!r}, not of {name!r}; {again}")
    return dict(record)
