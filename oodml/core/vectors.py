"""Embedding files: ids and float32 vectors in one Parquet table, plus any label columns.

Schema: ``id`` string, ``embedding`` fixed_size_list<float32>[D], and further string / integer
columns such as ``label``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oodml.core.errors import DataError
from oodml.core.parquet import read_table, text_columns, write_table
from oodml.core.paths import PathLike, as_path
from oodml.core.short_repr import short_fields


@dataclass(frozen=True, repr=False)
class VectorTable:
    """Row-aligned ids [N], float32 vectors [N, D] and further columns [N] of strings."""

    ids: tuple[str, ...]
    vectors: NDArray[np.float32]
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)

    __repr__ = short_fields


def write_vectors(path: PathLike, table: VectorTable) -> None:
    """Write a VectorTable as Parquet, atomically."""
    d = table.vectors.shape[1]
    flat = pa.array(np.ascontiguousarray(table.vectors, dtype=np.float32).reshape(-1))
    arrays: dict[str, pa.Array] = {"id": pa.array(table.ids, pa.string())}
    arrays |= {name: pa.array(column, pa.string()) for name, column in table.columns.items()}
    arrays["embedding"] = pa.FixedSizeListArray.from_arrays(flat, d)
    write_table(as_path(path), pa.table(arrays))


def read_vectors(
    path: PathLike, id_column: str = "id", vector_column: str = "embedding"
) -> VectorTable:
    """Read a Parquet table of vectors.

    Raises:
        DataError: missing file or column, rows of different length, duplicate or null ids,
            values that are not finite. The message names the first offending row.
    """
    path = as_path(path)
    table = read_table(path, needed=(id_column, vector_column))
    given = table[id_column].to_pylist()
    ids = tuple(str(value) for value in given)
    if any(value is None or value != value for value in given):
        raise DataError(f"{path}: column {id_column!r} has empty ids")
    if len(set(ids)) != len(ids):
        seen: set[str] = set()
        twice = next(i for i in ids if i in seen or seen.add(i))  # type: ignore[func-returns-value]
        raise DataError(f"{path}: id {twice!r} stands more than once; ids must be unique")
    vectors = _matrix(path, table[vector_column].combine_chunks(), vector_column)
    bad = ~np.isfinite(vectors).all(axis=1)
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"{path}: row {row} (id {ids[row]!r}) of {vector_column!r} has NaN or infinite values"
        )
    return VectorTable(ids, vectors, text_columns(table, without=(id_column, vector_column)))


def _matrix(path: Path, column: pa.Array, name: str) -> NDArray[np.float32]:
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if not (
        pa.types.is_list(column.type)
        or pa.types.is_fixed_size_list(column.type)
        or pa.types.is_large_list(column.type)
    ):
        raise DataError(f"{path}: column {name!r} holds {column.type}, expected lists of numbers")
    if column.null_count:
        raise DataError(f"{path}: column {name!r} has empty rows")
    flat = column.flatten()
    if flat.null_count or not pa.types.is_floating(flat.type):
        raise DataError(f"{path}: column {name!r} must hold floating point numbers without nulls")
    if pa.types.is_fixed_size_list(column.type):
        width = column.type.list_size
    else:
        lengths = column.value_lengths().to_numpy(zero_copy_only=False)
        if len(lengths) and (lengths != lengths[0]).any():
            row = int(np.argmax(lengths != lengths[0]))
            raise DataError(
                f"{path}: row {row} of {name!r} has {lengths[row]} numbers, the first has {lengths[0]}"
            )
        width = int(lengths[0]) if len(lengths) else 0
    values = flat.to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    return np.ascontiguousarray(values.reshape(len(column), width))
