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
import pyarrow.parquet as pq
from numpy.typing import NDArray

from oodml.core.errors import IntegrityError
from oodml.core.files import atomic_path, oodml_home, read_json
from oodml.features import FeatureTable
from oodml.runs.plan.split import ItemTable

_SCHEMA_VERSION = 1
_METADATA_KEY = b"oodml.items"


@dataclass(frozen=True)
class FeatureFile:
    """The feature matrix of a setting.

    Attributes:
        path: relative to oodml's home where it lies below it.
        key: hash of everything the rows depend on.
        sha256, bytes: of the file.
        dim: length of a row.
    """

    path: str
    key: str
    sha256: str
    bytes: int
    dim: int

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
            dim=int(table.features.shape[1]),
        )

    def open(self, rows: int) -> NDArray[np.float32]:
        """The matrix, float32 [rows, dim], memory-mapped. Its content is not hashed again.

        Raises:
            IntegrityError: it is missing, torn, or was made for other inputs than the plan's.
        """
        path = oodml_home() / self.path  # an absolute path stays as it is
        again = "run the benchmark again to make it"
        if not path.is_file() or path.stat().st_size != self.bytes:
            raise IntegrityError(f"{path}: features are missing or torn; {again}")
        manifest = path.parent / "manifest.json"
        found = read_json(manifest).get("key")
        if found != self.key:
            raise IntegrityError(
                f"{manifest}: features have key {str(found)[:12]}, the plan was made with "
                f"{self.key[:12]}; {again}"
            )
        matrix: NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
        if matrix.shape != (rows, self.dim) or matrix.dtype != np.float32:
            raise IntegrityError(f"{path}: expected float32 rows ({rows}, {self.dim}); {again}")
        return matrix


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
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_items(path: Path) -> tuple[ItemTable, FeatureFile]:
    """Read the file; IntegrityError where it is missing or not such a file."""
    try:
        table = pq.read_table(path)
        about = json.loads((table.schema.metadata or {})[_METADATA_KEY])
    except (OSError, pa.ArrowInvalid, KeyError) as error:
        raise IntegrityError(
            f"{path}: not an items file ({error}); `oodml run` makes it again"
        ) from None
    if about.get("schema_version") != _SCHEMA_VERSION:
        raise IntegrityError(f"{path}: another schema version; `oodml run` makes it again")
    labels = table["label"].to_numpy().astype(np.int64)
    ids = tuple(table["id"].to_pylist())
    return ItemTable(ids, labels, tuple(about["class_names"])), FeatureFile(**about["features"])
