"""``items.parquet`` of a setting: ids, classes and where the features lie, so that workers only read.

Columns ``id`` (string) and ``label`` (int64, index into the class names), in the data set's order;
the metadata holds class names and what is known of the feature matrix.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oodml.core.errors import IntegrityError, OodmlError
from oodml.core.files import oodml_home
from oodml.core.parquet import read_table, write_table
from oodml.features import FeatureTable
from oodml.features.table import open_cache
from oodml.runs.plan.split import ItemTable

_SCHEMA_VERSION = 2
_METADATA_KEY = b"oodml.items"


@dataclass(frozen=True)
class FeatureFile:
    """The feature matrix of a setting.

    Attributes:
        path: relative to oodml's home where it lies below it.
        key: hash of everything the rows depend on.
        sha256, bytes, mtime_ns: of the file, and when it was written.
        dim: length of a row.
        weights_sha256: of the backbone that gave the rows.
    """

    path: str
    key: str
    sha256: str
    bytes: int
    mtime_ns: int
    dim: int
    weights_sha256: str

    @classmethod
    def of(cls, table: FeatureTable) -> FeatureFile:
        """Where ``table``'s memory-mapped matrix lies."""
        path = Path(str(table.features.filename))  # type: ignore[attr-defined]
        home = oodml_home().resolve()
        path = path.resolve()
        return cls(
            path=str(path.relative_to(home) if path.is_relative_to(home) else path),
            key=table.key,
            sha256=str(table.manifest["features_sha256"]),
            bytes=path.stat().st_size,
            mtime_ns=path.stat().st_mtime_ns,
            dim=int(table.features.shape[1]),
            weights_sha256=str(table.manifest["weights_sha256"]),
        )

    def open(self, rows: int) -> NDArray[np.float32]:
        """The matrix, float32 [rows, dim], memory-mapped.

        `prepare` has hashed it; here that is done again only where the file was touched since, or
        lies on another machine.

        Raises:
            IntegrityError: it is missing, torn or changed, or was made for other inputs.
        """
        path = oodml_home() / self.path  # an absolute path stays as it is
        again = "run the benchmark again to make it"
        same = path.is_file() and _stamp(path) == (self.bytes, self.mtime_ns)
        try:
            matrix, manifest = open_cache(path.parent, self.key, rows, hashed=same)
        except IntegrityError as error:
            raise IntegrityError(f"{error}; {again}") from None
        if manifest["features_sha256"] != self.sha256 or matrix.shape[1] != self.dim:
            raise IntegrityError(f"{path}: other features than the plan was made with; {again}")
        return matrix


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def write_items(path: Path, items: ItemTable, features: FeatureFile) -> None:
    """Write the file atomically."""
    about = {
        "schema_version": _SCHEMA_VERSION,
        "class_names": list(items.class_names),
        "features": asdict(features),
    }
    table = pa.table(
        {"id": pa.array(items.ids, pa.string()), "label": pa.array(items.labels, pa.int64())}
    ).replace_schema_metadata({_METADATA_KEY: json.dumps(about).encode()})
    write_table(path, table)


def read_items(path: Path) -> tuple[ItemTable, FeatureFile]:
    """Read the file; IntegrityError where it is missing or not such a file."""
    try:
        table = read_table(path, needed=("id", "label"))
        about = json.loads((table.schema.metadata or {})[_METADATA_KEY])
    except OodmlError as error:
        raise IntegrityError(f"not an items file: {error}; `oodml run` makes it again") from None
    except (KeyError, ValueError):
        raise IntegrityError(f"{path}: not an items file; `oodml run` makes it again") from None
    if about.get("schema_version") != _SCHEMA_VERSION:
        raise IntegrityError(f"{path}: another schema version; `oodml run` makes it again")
    labels = table["label"].to_numpy().astype(np.int64)
    ids = tuple(table["id"].to_pylist())
    return ItemTable(ids, labels, tuple(about["class_names"])), FeatureFile(**about["features"])
