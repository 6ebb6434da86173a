"""A checksum of what a table holds, so that a changed file is told whatever byte was changed.

The pages of a Parquet file may carry checksums of their own, but its footer (names, types, metadata,
where pages lie) does not. This one is of the content as read: names, types, values and metadata.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

CHECKSUM_KEY = b"oodml.sha256"


def table_checksum(table: pa.Table) -> str:
    """sha256 (hex) of names, types, values and metadata of a table.

    It does not depend on chunks, on padding, or on what lies beneath nulls, and leaves out the
    metadata entry ``CHECKSUM_KEY``.
    """
    digest = hashlib.sha256()
    for key, value in sorted((table.schema.metadata or {}).items()):
        if key != CHECKSUM_KEY:
            _add(digest, key)
            _add(digest, value)
    for name, column in zip(table.column_names, table.columns, strict=True):
        _add(digest, name.encode())
        _add_column(digest, column)
    return digest.hexdigest()


def with_checksum(table: pa.Table) -> pa.Table:
    """The table with its checksum among its metadata."""
    metadata = {**(table.schema.metadata or {}), CHECKSUM_KEY: table_checksum(table).encode()}
    return table.replace_schema_metadata(metadata)


def has_checksum(table: pa.Table) -> bool:
    """Whether a table was written with a checksum; another program that changes one leaves it out."""
    return CHECKSUM_KEY in (table.schema.metadata or {})


def checksum_holds(table: pa.Table) -> bool:
    """False where the table's checksum is not that of its content; True where it has none."""
    stored = (table.schema.metadata or {}).get(CHECKSUM_KEY)
    return stored is None or stored == table_checksum(table).encode()


def _add_column(digest: Any, column: pa.ChunkedArray | pa.Array) -> None:
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    _add(digest, _name(kind).encode())
    _add(digest, np.packbits(column.is_valid().to_numpy(zero_copy_only=False)).tobytes())
    if pa.types.is_fixed_size_list(kind):
        _add_column(digest, column.flatten())
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        _add(digest, _bytes(column.value_lengths()))
        _add_column(digest, column.flatten())
    elif pa.types.is_struct(kind):
        for field in column.flatten():
            _add_column(digest, field)
    elif pa.types.is_boolean(kind) or pa.types.is_null(kind):
        _add(digest, np.packbits(_filled(column.cast(pa.bool_()), False)).tobytes())
    elif pa.types.is_primitive(kind):
        _add(digest, _bytes(column))
    else:  # text and bytes, or what has a text
        text = column.cast(pa.large_binary() if _is_binary(kind) else pa.large_string())
        _add(digest, _bytes(pc.binary_length(text)))
        _add(digest, b"".join(value or b"" for value in text.cast(pa.large_binary()).to_pylist()))


def _name(kind: pa.DataType) -> str:
    """The type, without the name of a list's items, which Parquet changes."""
    if pa.types.is_fixed_size_list(kind):
        return f"fixed_size_list[{kind.list_size}]"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return "large_list" if pa.types.is_large_list(kind) else "list"
    if pa.types.is_struct(kind):
        return f"struct{[kind.field(i).name for i in range(kind.num_fields)]}"
    return str(kind)


def _bytes(column: pa.Array) -> bytes:
    """Values as they lie in memory, zero where there are nulls."""
    if not pa.types.is_integer(column.type) and not pa.types.is_floating(column.type):
        column = column.view(pa.int64() if column.type.bit_width == 64 else pa.int32())
    return np.ascontiguousarray(_filled(column, 0)).tobytes()


def _filled(column: pa.Array, value: Any) -> np.ndarray:
    if column.null_count:
        column = pc.fill_null(column, pa.scalar(value, column.type))
    return column.to_numpy(zero_copy_only=False)


def _is_binary(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _add(digest: Any, data: bytes) -> None:
    """Length first, so that two lists of pieces cannot give one text."""
    digest.update(len(data).to_bytes(8, "little"))
    digest.update(data)
