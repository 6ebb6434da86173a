"""Parquet tables: read with errors that name the file, written whole or not at all.

What is written carries a checksum of its content in its metadata and one in each page; what is read is
held against those it has, so that a changed bit is refused and not computed with.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from oodml.core.checksum import checksum_holds, with_checksum
from oodml.core.errors import DataError, IntegrityError
from oodml.core.files import atomic_path
from oodml.core.labels import text_cell
from oodml.core.regular_files import check_regular_file


def read_table(path: Path, needed: Sequence[str] = ()) -> pa.Table:
    """A Parquet file as a table with all its columns.

    Raises:
        DataError: no such file, not Parquet, or one of the columns ``needed`` is not there.
        IntegrityError: its content is not what its checksum says.
    """
    check_regular_file(path)
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        table.validate(full=True)  # text that is no UTF-8 is met here and not wherever it is used
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (pa.ArrowException, OSError, UnicodeError) as error:
        raise DataError(f"{path}: not a readable Parquet file ({error})") from None
    if not checksum_holds(table):
        raise IntegrityError(
            f"{path}: its content does not match its checksum, so it was changed or damaged; restore "
            "it or make it again"
        )
    for name in needed:
        if name not in table.column_names:
            found = ", ".join(table.column_names)
            raise DataError(f"{path}: no column {name!r} (found: {found}); rename it or name yours")
    return table


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table with its checksum, atomically, compressed with zstd."""
    with atomic_path(path) as temporary:
        write_whole_table(temporary, table)


def write_whole_table(path: Path, table: pa.Table) -> None:
    """``write_table`` to a path that the caller puts in its place."""
    pq.write_table(with_checksum(table), path, compression="zstd", write_page_checksum=True)


def text_columns(table: pa.Table, without: Collection[str] = ()) -> dict[str, tuple[str, ...]]:
    """All columns that are no lists as text, by the rule for labels: nulls and NaN as ``""``."""
    return {
        name: tuple(map(text_cell, table[name].to_pylist()))
        for name in table.column_names
        if name not in without and not pa.types.is_nested(table.schema.field(name).type)
    }
