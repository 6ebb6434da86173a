"""FeatureTable: float32 rows on disk, memory-mapped, aligned with image ids."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.cache_entry import note_use
from oodml.core.errors import IntegrityError, OodmlError
from oodml.core.files import oodml_home, read_json
from oodml.core.hashing import sha256_file
from oodml.core.in_use import mark_in_use
from oodml.core.sealed import read_sealed, write_sealed

SCHEMA_VERSION = 2
_MATRIX = "features.npy"
_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class FeatureTable:
    """Features of a data set through one backbone.

    Attributes:
        features: float32 [N, D], memory-mapped, row i belongs to ``image_ids[i]``.
        image_ids: the data set's ids, in its order.
        labels: int64 [N], index into ``class_names``.
        class_names: sorted class names.
        manifest: every input the rows depend on, and ``key``, their hash.
    """

    features: NDArray[np.float32]
    image_ids: tuple[str, ...]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    manifest: dict[str, Any]

    @property
    def key(self) -> str:
        return str(self.manifest["key"])


def cached_features() -> list[tuple[Path, dict[str, Any]]]:
    """Folder and manifest of every entry of the cache, sorted by folder; damaged ones are left out."""
    found = []
    for path in sorted((oodml_home() / "features").glob(f"*/*/{_MANIFEST}")):
        try:
            manifest = read_json(path)
        except OodmlError:
            continue
        if isinstance(manifest, dict) and "key" in manifest:
            found.append((path.parent, manifest))
    return found


def finish_cache(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest that makes ``folder`` (with features.npy in it) a valid cache entry."""
    matrix = folder / _MATRIX
    write_sealed(
        folder / _MANIFEST,
        {
            **manifest,
            "schema_version": SCHEMA_VERSION,
            "features_sha256": sha256_file(matrix),
            "features_bytes": matrix.stat().st_size,
        },
    )


def open_cache(
    folder: Path, key: str, rows: int, *, hashed: bool = False
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Open a cache entry, or raise IntegrityError when it is missing, torn, stale or altered.

    Args:
        hashed: the caller knows the matrix to be what the manifest says; it is not read through.
    """
    path, matrix = folder / _MANIFEST, folder / _MATRIX
    try:
        # entries of schema 1 are good, and cost hours to make
        manifest = read_sealed(path, schema=SCHEMA_VERSION)
    except OodmlError as error:
        raise IntegrityError(str(error)) from None
    if manifest.get("key") != key:
        raise IntegrityError(
            f"{path}: features of key {str(manifest.get('key'))[:12]}, wanted {key[:12]}: made for "
            "other inputs"
        )
    if not matrix.is_file() or matrix.stat().st_size != manifest.get("features_bytes"):
        raise IntegrityError(f"{matrix}: missing or torn")
    if not hashed and sha256_file(matrix) != manifest.get("features_sha256"):
        raise IntegrityError(f"{matrix}: content differs from its hash")
    features = np.load(matrix, mmap_mode="r", allow_pickle=False)
    mark_in_use(matrix, features)
    note_use(folder / _MANIFEST)
    if features.ndim != 2 or len(features) != rows or features.dtype != np.float32:
        raise IntegrityError(f"{matrix}: expected float32 rows for {rows} items")
    return features, manifest
