"""Embedding files written in the forms that ``read_labelled`` reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from oodml.core.errors import UsageError
from oodml.core.files import atomic_path
from oodml.core.parquet import write_table
from oodml.core.vectors import VectorTable, write_vectors

SUFFIXES = (".parquet", ".npy", ".safetensors")


def check_embedding_path(path: Path, overwrite: str = "never") -> None:
    """Whether embeddings can go there, before anything is computed.

    Raises:
        UsageError: an ending of no such file, a folder, or a file that ``never`` keeps.
    """
    if overwrite not in ("never", "always"):
        raise UsageError(f"--overwrite {overwrite!r}: expected never or always")
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: expected a file ending in {', '.join(SUFFIXES)}")
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; name a file")
    for file in {path, ids_path(path)}:
        if overwrite == "never" and file.exists():
            raise UsageError(f"{file} is there already; --overwrite always replaces it")


def ids_path(path: Path) -> Path:
    """Where ids and labels go: the file itself, or beside one that holds only numbers."""
    return path if path.suffix.lower() == ".parquet" else path.with_suffix(".ids.parquet")


def write_embeddings(path: Path, table: VectorTable) -> list[Path]:
    """Write vectors by the file's ending; the files written.

    ``.parquet`` holds everything. ``.npy`` [N, D] and ``.safetensors`` (tensor "embeddings") hold
    float32 vectors; a table with ids and the further columns is written beside them, for
    ``oodml eval FILE --ids FILE.ids.parquet --labels label``.

    Raises:
        UsageError: another ending.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        write_vectors(path, table)
        return [path]
    if suffix not in SUFFIXES:
        raise UsageError(f"{path}: expected a file ending in {', '.join(SUFFIXES)}")
    columns = {"id": table.ids, **table.columns}
    beside = ids_path(path)
    write_table(beside, pa.table({k: pa.array(v, pa.string()) for k, v in columns.items()}))
    rows = np.ascontiguousarray(table.vectors, dtype=np.float32)
    with atomic_path(path) as temporary:
        if suffix == ".npy":
            with open(temporary, "wb") as handle:  # np.save would add its ending to a name
                np.save(handle, rows)
        else:
            from safetensors.numpy import save

            temporary.write_bytes(save({"embeddings": rows}))
    return [path, beside]
