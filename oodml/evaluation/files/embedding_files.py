"""Embeddings and labels made elsewhere: Parquet, ``.npy`` or safetensors, with CSV or Parquet."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml.core.errors import DataError, UsageError
from oodml.core.labels import label_cells, text_cell
from oodml.core.parquet import read_table, text_columns
from oodml.core.paths import PathLike, as_path
from oodml.core.regular_files import check_regular_file
from oodml.core.short_repr import short_fields
from oodml.core.vectors import read_vectors

_LABELS = ("label", "class")  # columns of class names


@dataclass(frozen=True, repr=False)
class LabelledEmbeddings:
    """Rows to score: embeddings [N, D], one label (``""``: unlabelled) and, if known, one id a row.

    ``unused_labels`` counts labels in the label file that no embedding has.
    """

    embeddings: NDArray[Any]
    labels: tuple[str, ...]
    ids: tuple[str, ...] | None
    unused_labels: int = 0

    __repr__ = short_fields


@dataclass(frozen=True, repr=False)
class _Rows:
    embeddings: NDArray[Any]
    ids: tuple[str, ...] | None
    columns: dict[str, tuple[str, ...]]

    __repr__ = short_fields


def read_labelled(
    path: PathLike, labels: PathLike, ids: PathLike | None = None
) -> LabelledEmbeddings:
    """Read embeddings and join their labels.

    Args:
        path: ``.parquet`` (columns id and embedding), ``.npy`` [N, D], or ``.safetensors`` (tensor
            "embeddings", or the only two-dimensional one).
        labels: a CSV or Parquet file with columns id and label, or the name of a column of the
            embeddings file (or of ``ids``). If the embeddings have no ids, the file's rows are
            taken in order.
        ids: CSV or Parquet file with a column id, row by row, for formats that hold no ids.

    Raises:
        DataError: a file that cannot be read, or embeddings without a label; the message names
            the file, the column and the first id.
        UsageError: ``labels`` is neither a file nor a column.
    """
    path = as_path(path)
    rows = _rows_with_ids(path, ids)
    if not Path(labels).is_file():
        if labels in rows.columns:
            column = label_cells(rows.columns[str(labels)])
            return LabelledEmbeddings(rows.embeddings, column, rows.ids)
        found = ", ".join(rows.columns) or "none"
        raise UsageError(
            f"--labels {labels}: neither a file nor a column of {path} (columns: {found})"
        )
    return _join(path, rows, Path(labels))


def read_embeddings(
    path: PathLike, ids: PathLike | None = None
) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    """Embeddings [N, D] and their ids, if known, from the files of `read_labelled`."""
    rows = _rows_with_ids(as_path(path), ids)
    return rows.embeddings, rows.ids


def read_groups(path: PathLike) -> dict[str, str]:
    """Class name -> group name from a CSV or Parquet file with columns class and group.

    Raises:
        DataError: a file that cannot be read, a missing column, or a class with two groups.
    """
    columns = read_columns(path, ("class", "group"))
    group_of: dict[str, str] = {}
    for one, group in zip(columns["class"], columns["group"], strict=True):
        if not group:
            raise DataError(f"{path}: class {one!r} has an empty group")
        if group_of.setdefault(one, group) != group:
            raise DataError(f"{path}: class {one!r} is in {group_of[one]!r} and in {group!r}")
    return group_of


def read_columns(path: PathLike, needed: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """A CSV or Parquet file as columns of text; empty cells and nulls become ``""``.

    Raises:
        DataError: a file that cannot be read, or one of the columns ``needed`` is not there.
    """
    path = check_regular_file(as_path(path))
    is_parquet = path.suffix.lower() == ".parquet"
    columns = text_columns(read_table(path)) if is_parquet else _csv_columns(path)
    for name in needed:
        if name not in columns:
            raise DataError(f"{path}: no column {name!r} (found: {', '.join(columns)})")
    return columns


def _csv_columns(path: Path) -> dict[str, tuple[str, ...]]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as handle:
            reader = csv.reader(handle)
            header = next(reader, [])
            lines = [line for line in reader if line]
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise DataError(f"{path}: not a readable CSV file ({error})") from None
    for number, line in enumerate(lines):
        if len(line) != len(header):
            raise DataError(
                f"{path}: data row {number + 1} has {len(line)} cells, the header {len(header)}"
            )
    columns = {name.strip(): [line[i] for line in lines] for i, name in enumerate(header)}
    # what a program wrote as floats because a label was missing is read as the labels it was
    return {
        name: label_cells(cells) if name in _LABELS else tuple(cells)
        for name, cells in columns.items()
    }


def _rows_with_ids(path: Path, ids: PathLike | None) -> _Rows:
    rows = _read_rows(path)
    return rows if ids is None else _with_ids(path, rows, as_path(ids))


def _read_rows(path: Path) -> _Rows:
    suffix = path.suffix.lower()
    if suffix not in (".parquet", ".npy", ".safetensors"):
        raise UsageError(f"{path}: expected a .parquet, .npy or .safetensors file")
    check_regular_file(path)
    if suffix == ".parquet":
        table = read_vectors(path)
        return _Rows(table.vectors, table.ids, table.columns)
    if suffix == ".npy":
        return _Rows(_read_npy(path), None, {})
    return _read_safetensors(path)


def _read_npy(path: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # its header is parsed as Python, which fails in many ways
        raise DataError(f"{path}: not a readable .npy array ({error})") from None
    if array.ndim != 2:
        raise DataError(f"{path}: expected an array [N, D], got shape {array.shape}")
    return array


def _read_safetensors(path: Path) -> _Rows:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, RuntimeError, KeyError) as error:
        raise DataError(f"{path}: not a readable safetensors file ({error})") from None
    wide = [name for name, tensor in tensors.items() if tensor.ndim == 2]
    if "embeddings" in wide:
        wide = ["embeddings"]
    if len(wide) != 1:
        raise DataError(
            f"{path}: expected a tensor 'embeddings' [N, D] or one two-dimensional tensor, "
            f"found {', '.join(tensors) or 'none'}"
        )
    columns = {
        name: tuple(text_cell(value) for value in tensor.tolist())
        for name, tensor in tensors.items()
        if tensor.ndim == 1 and len(tensor) == len(tensors[wide[0]])
    }
    return _Rows(tensors[wide[0]].float().numpy(), None, columns)


def _with_ids(path: Path, rows: _Rows, ids: Path) -> _Rows:
    if rows.ids is not None:
        raise UsageError(f"--ids {ids}: {path} has ids already; leave it out")
    columns = read_columns(ids, ("id",))
    if len(columns["id"]) != len(rows.embeddings):
        raise DataError(
            f"{ids}: {len(columns['id'])} ids, but {path} has {len(rows.embeddings)} rows"
        )
    others = {name: column for name, column in columns.items() if name != "id"}
    return _Rows(rows.embeddings, columns["id"], rows.columns | others)


def _join(path: Path, rows: _Rows, labels: Path) -> LabelledEmbeddings:
    columns = read_columns(labels, ("label",) if rows.ids is None else ("label", "id"))
    if rows.ids is None:
        if len(columns["label"]) != len(rows.embeddings):
            raise DataError(
                f"{labels}: {len(columns['label'])} labels, but {path} has {len(rows.embeddings)} "
                "rows; without ids they must match row by row (give ids with --ids)"
            )
        return LabelledEmbeddings(rows.embeddings, columns["label"], columns.get("id"))
    label_of = dict(zip(columns["id"], columns["label"], strict=True))
    if len(label_of) != len(columns["id"]):
        seen: set[str] = set()
        for one in columns["id"]:
            if one in seen:
                raise DataError(f"{labels}: id {one!r} stands more than once")
            seen.add(one)
    missing = [one for one in rows.ids if one not in label_of]
    if missing:
        raise DataError(
            f"{labels}: no label for {len(missing)} of {len(rows.ids)} embeddings in {path}, "
            f"the first is id {missing[0]!r}; leave the label cell empty for a distractor"
        )
    return LabelledEmbeddings(
        rows.embeddings,
        tuple(label_of[one] for one in rows.ids),
        rows.ids,
        len(label_of) - len(rows.ids),
    )
