"""Parquet tables: read with errors that name the file, written whole or not at all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from oodml.core.errors import DataError
from oodml.core.files import atomic_path
from oodml.core.labels import text_cell


def read_table(path: Path, needed: Sequence[str] = ()) -> pa.Table:
    """A Parquet file as a table with all its columns.

    Raises:
        DataError: no such file, not Parquet, or one of the columns ``needed`` is not there.
    """
    try:
        table = pq.read_table(path)
        table.validate(full=True)  # text that is no UTF-8 is met here and not wherever it is used
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (pa.ArrowException, OSError, UnicodeError) as error:
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
    """All columns that are no lists as text, by the rule for labels: nulls and NaN as ``""``."""
    return {
        name: tuple(map(text_cell, table[name].to_pylist()))
        for name in table.column_names
        if name not in without and not pa.types.is_nested(table.schema.field(name).type)
    }
