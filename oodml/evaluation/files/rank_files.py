"""``ranks.parquet``: positive ranks on disk, one row a query."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from oodml.core.checksum import has_checksum
from oodml.core.errors import IntegrityError
from oodml.core.parquet import read_table, write_table
from oodml.core.paths import PathLike, as_path
from oodml.evaluation.inputs.frame import Similarity
from oodml.evaluation.ranks.table import PositiveRanks

_SCHEMA_VERSION = 2
_WITHOUT_CHECKSUM = 1  # the schema before, of the same columns
_METADATA_KEY = b"oodml.ranks"
_LISTS = ("positive_ranks", "tied_before", "tied_after")


def save_ranks(ranks: PositiveRanks, path: PathLike) -> None:
    """Write the table atomically, folders included.

    Columns: ``query_id`` string, ``class`` string, ``gallery_size`` int64, and the lists of int64
    ``positive_ranks``, ``tied_before``, ``tied_after`` (one entry a positive).
    """
    offsets = pa.array(ranks.offsets, pa.int64())
    names = pa.array(ranks.class_names, pa.string())
    classes = pa.DictionaryArray.from_arrays(pa.array(ranks.labels, pa.int64()), names)
    columns: dict[str, Any] = {
        "query_id": pa.array(ranks.query_ids, pa.string()),
        "class": classes.cast(pa.string()),
        "gallery_size": pa.array(ranks.gallery_sizes, pa.int64()),
    }
    for name, values in zip(
        _LISTS, (ranks.ranks, ranks.tied_before, ranks.tied_after), strict=True
    ):
        columns[name] = pa.LargeListArray.from_arrays(offsets, pa.array(values, pa.int64()))
    about = {
        "schema_version": _SCHEMA_VERSION,
        "similarity": ranks.similarity,
        "unlabelled_queries": ranks.unlabelled_queries,
        "class_names": list(ranks.class_names),
    }
    table = pa.table(columns).replace_schema_metadata({_METADATA_KEY: json.dumps(about).encode()})
    write_table(as_path(path), table)


def load_ranks(path: PathLike) -> PositiveRanks:
    """Read and check a table written by `save_ranks`.

    Raises:
        DataError: no such file, or not Parquet.
        IntegrityError: columns missing, or impossible ranks (not ascending, outside the gallery).
    """
    path = as_path(path)
    table = read_table(path)
    about = _about(path, table)
    table = _typed(path, table)
    offsets, ranks, before, after = _lists(path, table)
    code_of = {name: code for code, name in enumerate(about.class_names)}
    try:
        labels = [code_of[name] for name in table["class"].to_pylist()]
    except KeyError as error:
        raise IntegrityError(f"{path}: class {error} is not among the listed class names") from None
    result = PositiveRanks(
        query_ids=tuple(table["query_id"].to_pylist()),
        labels=np.array(labels, np.int64),
        class_names=tuple(about.class_names),
        gallery_sizes=table["gallery_size"].to_numpy(),
        offsets=offsets,
        ranks=ranks,
        tied_before=before,
        tied_after=after,
        similarity=about.similarity,
        unlabelled_queries=about.unlabelled_queries,
    )
    _check(path, result)
    return result


class _About(BaseModel):
    """What the file says of itself."""

    model_config = ConfigDict(strict=True)

    schema_version: int
    similarity: Similarity
    unlabelled_queries: int = Field(ge=0)
    class_names: list[str]


def _about(path: Path, table: pa.Table) -> _About:
    missing = {"query_id", "class", "gallery_size", *_LISTS} - set(table.column_names)
    stored = (table.schema.metadata or {}).get(_METADATA_KEY)
    if missing or stored is None:
        what = f"no column {', '.join(sorted(missing))}" if missing else "no oodml.ranks metadata"
        raise IntegrityError(f"{path}: not a ranks table ({what}); make it with `oodml eval`")
    try:
        about = _About.model_validate_json(stored)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "metadata"
        raise IntegrityError(
            f"{path}: oodml.ranks metadata, {where}: {first['msg']}; evaluate again"
        ) from None
    if about.schema_version not in (_SCHEMA_VERSION, _WITHOUT_CHECKSUM):
        raise IntegrityError(
            f"{path}: schema_version {about.schema_version}, this oodml reads "
            f"{_SCHEMA_VERSION}; evaluate again"
        )
    if about.schema_version != _WITHOUT_CHECKSUM and not has_checksum(table):
        raise IntegrityError(
            f"{path}: has no checksum, so another program wrote it; evaluate again"
        )
    return about


def _typed(path: Path, table: pa.Table) -> pa.Table:
    """The columns in the types they are written in; IntegrityError where they are of others."""
    schema = pa.schema(
        [("query_id", pa.string()), ("class", pa.string()), ("gallery_size", pa.int64())]
        + [(name, pa.large_list(pa.int64())) for name in _LISTS]
    )
    try:
        typed = table.select(schema.names).cast(schema)
        typed.validate(full=True)
    except (pa.ArrowException, ValueError) as error:
        raise IntegrityError(
            f"{path}: columns of other types than a ranks table has ({error}); evaluate again"
        ) from None
    for name in ("query_id", "class", "gallery_size"):
        if typed[name].null_count:
            raise IntegrityError(f"{path}: column {name!r} has nulls")
    return typed


def _lists(path: Path, table: pa.Table) -> tuple[NDArray[np.int64], ...]:
    offsets: NDArray[np.int64] | None = None
    flat = []
    for name in _LISTS:
        chunks = table[name].chunks
        column = pa.concat_arrays(chunks) if chunks else pa.array([], pa.large_list(pa.int64()))
        if column.null_count or column.flatten().null_count:
            raise IntegrityError(f"{path}: column {name!r} has nulls")
        lengths = column.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
        found = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        if offsets is not None and not np.array_equal(found, offsets):
            raise IntegrityError(f"{path}: lists of {name!r} are not as long as the positive ranks")
        offsets = found
        flat.append(column.flatten().to_numpy(zero_copy_only=False).astype(np.int64))
    assert offsets is not None
    return offsets, *flat


def _check(path: Path, ranks: PositiveRanks) -> None:
    query = ranks.query_of_rank
    inside = np.diff(query) == 0
    bad = np.zeros(len(ranks.ranks), bool)
    bad[1:] = inside & (np.diff(ranks.ranks) <= 0)
    bad |= ranks.ranks - ranks.tied_before < ranks.place
    last_place = ranks.positives[query] - ranks.place
    bad |= ranks.ranks + ranks.tied_after + last_place > ranks.gallery_sizes[query]
    bad |= (ranks.tied_before < 0) | (ranks.tied_after < 0)
    if bad.any():
        row = int(query[np.argmax(bad)])
        raise IntegrityError(
            f"{path}: impossible ranks for query {ranks.query_ids[row]!r} (row {row}); "
            "the file was changed, evaluate again"
        )
