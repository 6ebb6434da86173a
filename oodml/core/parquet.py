"""Parquet tables: read with errors that name the file, written whole or not at all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from oodml.core.errors import DataError
from oodml.core.files import atomic_path
from oodml.core.regular_files import check_regular_file


def read_table(path: Path, needed: Sequence[str] = ()) -> pa.Table:
    """A Parquet file as a table with all its columns.

    Raises:
        DataError: no such file, not Parquet, or one of the columns ``needed`` is not there.
    """
    check_regular_file(path)
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a readable Parquet file ({error})") from None
    for name in needed:
        if name not in table.column_names:
            found = ", ".join(table.column_names)
            raise DataError(f"{path}: no column {name!r} (found: {found}); rename it or name yours")
    return table


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table atomically, compressed with zstd."""
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def text_columns(table: pa.Table, without: Collection[str] = ()) -> dict[str, tuple[str, ...]]:
    """All columns that are no lists as text, nulls as ``""``."""
    return {
        name: tuple("" if value is None else str(value) for value in table[name].to_pylist())
        for name in table.column_names
        if name not in without and not pa.types.is_nested(table.schema.field(name).type)
    }
